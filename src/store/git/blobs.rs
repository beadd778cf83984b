//! Objects that stand by themselves, outside the tracker's commits.

use gix::ObjectId;

use crate::store::codec::unreadable;
use crate::store::{CommitId, StoreError, StoreResult};

use super::GitStore;
use super::objects::Writer;

impl GitStore {
    /// Writes an object that stands by itself, and gives its id.
    pub fn write_blob(&self, content: Vec<u8>) -> StoreResult<String> {
        let mut writer = Writer::new(&self.objects, self.durability, self.sharing);
        let id = writer.blob(content)?;
        writer.write_out(&self.git())?;
        Ok(id.to_string())
    }

    /// What an object is: `commit`, `tree`, `blob` or `tag`; `None` when it is not here.
    pub fn kind_of(&self, id: &CommitId) -> Option<&'static str> {
        let id = self.object_id(id).ok()?;
        self.objects.read(&id).ok().map(|(kind, _)| match kind {
            gix::objs::Kind::Commit => "commit",
            gix::objs::Kind::Tree => "tree",
            gix::objs::Kind::Blob => "blob",
            gix::objs::Kind::Tag => "tag",
        })
    }

    /// How many characters an id has here.
    pub fn id_length(&self) -> usize {
        self.repo().object_hash().len_in_hex()
    }

    /// The content of an object that stands by itself.
    pub fn read_blob(&self, id: &str) -> StoreResult<Vec<u8>> {
        let damaged = |why: String| StoreError::Unreadable(unreadable(id, why));
        let id = ObjectId::from_hex(id.as_bytes()).map_err(|why| damaged(why.to_string()))?;
        match self.objects.read(&id).map_err(damaged)? {
            (gix::objs::Kind::Blob, content) => Ok((*content).clone()),
            (kind, _) => Err(damaged(format!("is a {kind}, not a blob"))),
        }
    }
}
