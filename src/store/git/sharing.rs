//! `core.sharedRepository`: how far files are open to other users of the repository.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Permissions that files get besides those the umask leaves; none in a repository of one's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sharing(u32);

impl Sharing {
    /// Reads the configuration value, as git does.
    pub fn parse(text: Option<&str>) -> Self {
        Self(match text.map(str::to_ascii_lowercase).as_deref() {
            Some("group" | "true" | "yes" | "on" | "1") => 0o660,
            Some("all" | "world" | "everybody" | "2") => 0o664,
            Some(octal) if octal.starts_with('0') => u32::from_str_radix(octal, 8).unwrap_or(0) & 0o666,
            _ => 0,
        })
    }

    /// Opens a file that was just made to those who share it.
    pub fn file(self, path: &Path) {
        self.open(path, self.0);
    }

    /// Opens a folder that was just made, and hands its group on to what is made in it.
    pub fn folder(self, path: &Path) {
        let search = (self.0 & 0o444) >> 2;
        self.open(path, self.0 | search | 0o2000);
    }

    /// Adds bits. A failure means that somebody else owns it, who has seen to it already.
    fn open(self, path: &Path, bits: u32) {
        if self.0 != 0
            && let Ok(meta) = fs::metadata(path)
        {
            let _ = fs::set_permissions(path, Permissions::from_mode(meta.permissions().mode() | bits));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_git_reads_them() {
        let bits = |text| Sharing::parse(Some(text)).0;
        assert_eq!((bits("group"), bits("1"), bits("True")), (0o660, 0o660, 0o660));
        assert_eq!((bits("all"), bits("0640"), bits("umask"), bits("false")), (0o664, 0o640, 0, 0));
        assert_eq!(Sharing::parse(None), Sharing::default());
    }
}
