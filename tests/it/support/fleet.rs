//! A bare hub and clones of it that share a tracker.

use super::{Output, Repo};

/// A bare hub and clones of it.
pub struct Fleet {
    /// The clones; the first began the tracker.
    pub clones: Vec<Repo>,
    /// The hub, as a place to run commands in.
    pub hub: Repo,
}

impl Fleet {
    /// A hub with so many clones, all with the tracker.
    pub fn new(count: usize) -> Self {
        let fleet = Self::without_tracker(count);
        fleet.clones[0].jit(&["init"]).ok();
        fleet.clones[0].jit(&["sync"]).ok();
        for clone in &fleet.clones[1..] {
            clone.jit(&["init"]).ok();
        }
        fleet
    }

    /// A hub with so many clones, and no tracker yet.
    pub fn without_tracker(count: usize) -> Self {
        let first = Repo::git_only();
        let hub = first.beside("hub.git");
        first.git(&["clone", "--quiet", "--bare", ".", "../hub.git"]).ok();
        first.git(&["remote", "add", "origin", "../hub.git"]).ok();
        let mut fleet = Self { clones: vec![first], hub };
        for _ in 1..count {
            fleet.join(&[]);
        }
        fleet
    }

    /// Adds a clone, made with these arguments of `git clone`, without asking for the tracker.
    pub fn join(&mut self, args: &[&str]) -> &Repo {
        let name = format!("clone-{}", self.clones.len());
        let clone = self.clones[0].beside(&name);
        let url = self.url();
        let args = [&["clone", "--quiet"], args, &[url.as_str(), &name]].concat();
        self.clones[0].git_in(self.hub.outside(), &args).ok();
        clone.git(&["config", "jit.fsync", "off"]).ok();
        self.clones.push(clone);
        &self.clones[self.clones.len() - 1]
    }

    /// Where the hub is, with a scheme: git then talks to it as to another machine.
    pub fn url(&self) -> String {
        format!("file://{}", self.hub.path().display())
    }

    /// The commit that the hub holds.
    pub fn held(&self) -> String {
        self.hub.git(&["rev-parse", "refs/tracker/jit"]).ok().text()
    }

    /// How many claims the hub knows of.
    pub fn tickets(&self) -> usize {
        self.hub.git(&["for-each-ref", "refs/tracker/claims"]).ok().stdout.lines().count()
    }

    /// Syncs every clone twice and gives the commit that all hold then.
    #[track_caller]
    pub fn settle(&self) -> String {
        for clone in self.clones.iter().chain(&self.clones) {
            clone.jit(&["sync"]).ok();
        }
        let held = self.held();
        for clone in &self.clones {
            assert_eq!(clone.tip(), held, "all hold the same commit");
        }
        self.clones[0].assert_healthy();
        held
    }
}

/// Claims an issue as an agent.
pub fn claim(repo: &Repo, agent: &str, id: &str, more: &[&str]) -> Output {
    repo.jit_as(agent, &[&["issue", "claim", id, "--json"], more].concat())
}
