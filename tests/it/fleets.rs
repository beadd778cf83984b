//! Many clones at work, kills in the middle, and every way to reach a hub.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{Fleet, Random, Repo, started_with, until};

#[test]
fn four_clones_with_fifty_changes_each_come_to_one_commit() {
    let fleet = Fleet::new(4);
    let shared: Vec<String> = (0..5).map(|n| fleet.clones[0].ready(&format!("shared {n}"))).collect();
    fleet.settle();
    std::thread::scope(|scope| {
        for (who, clone) in fleet.clones.iter().enumerate() {
            let shared = &shared;
            scope.spawn(move || {
                let mut own = Vec::new();
                for n in 0..50 {
                    let at = &shared[(n * 7 + who) % shared.len()];
                    match n % 5 {
                        0 => own.push(clone.ready(&format!("{who} {n}"))),
                        1 => drop(clone.jit(&["issue", "update", at, "--title", &format!("{who} {n}")]).ok()),
                        2 => drop(clone.jit(&["issue", "comment", at, &format!("{who} {n}")]).ok()),
                        3 => drop(clone.jit(&["dep", "add", &own[own.len() - 1], at]).ok()),
                        _ => drop(clone.jit(&["issue", "update", at, "--label", &format!("+l{who}-{n}")]).ok()),
                    }
                    if n % 10 == 9 {
                        clone.jit(&["sync"]).ok();
                    }
                }
            });
        }
    });
    fleet.settle();
    let all = fleet.clones[3].jit(&["export"]).ok().json_lines();
    let issues: Vec<_> = all.iter().filter(|line| line.get("title").is_some() && line.get("state").is_some()).collect();
    assert_eq!(issues.len(), 5 + 4 * 10, "no issue is lost");
    let comments: usize = issues.iter().map(|issue| issue["comments"].as_array().map_or(0, Vec::len)).sum();
    assert_eq!(comments, 4 * 10, "no comment is lost");
}

/// Kills a process after a while, or what git processes it has started.
fn kill(child: &mut Child, after: Duration, only_children: bool) {
    std::thread::sleep(after);
    if only_children {
        let parent = child.id().to_string();
        let found = Command::new("pgrep").args(["-P", &parent]).output();
        let pids = found.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        for pid in pids.lines() {
            let _ = Command::new("kill").args(["-9", pid]).stderr(Stdio::null()).status();
        }
    } else {
        let _ = child.kill();
    }
    child.wait().expect("it ends");
}

#[test]
fn a_sync_that_is_killed_anywhere_loses_nothing() {
    let mut random = Random::from_environment();
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let mut made = Vec::new();
    for round in 0..50 {
        made.push(a.ready(&format!("a {round}")));
        made.push(b.ready(&format!("b {round}")));
        if round % 2 == 0 {
            b.jit(&["sync"]).ok();
        }
        let mut child = a.run(&["sync"]).spawn();
        kill(&mut child, Duration::from_micros(random.below(70_000) as u64), round % 3 == 0);
        if round % 10 == 9 {
            fleet.settle();
        }
    }
    fleet.settle();
    for id in &made {
        assert_eq!(b.issue(id)["id"], id.as_str(), "replay it with JIT_SEED");
    }
    fleet.hub.git(&["fsck", "--strict"]).ok();
}

#[test]
fn a_landing_that_is_killed_anywhere_has_moved_both_or_neither() {
    let mut random = Random::from_environment();
    let fleet = Fleet::new(1);
    let a = &fleet.clones[0];
    a.git(&["switch", "--quiet", "-c", "work"]).ok();
    for round in 0..50 {
        let id = a.ready(&format!("{round}"));
        a.jit_as("bot:a", &["issue", "claim", &id, "--local"]).ok();
        a.write("work", format!("{round}"));
        a.git(&["add", "."]).ok();
        a.git(&["commit", "--quiet", "-m", &format!("{round}\n\nJit-Issue: {id}")]).ok();
        let run = format!("{}-{round}", fleet.hub.path().display());
        let mut child = a.run(&["land"]).env("JIT_AGENT", "bot:a").env("ROUND", &run).spawn();
        kill(&mut child, Duration::from_micros(random.below(110_000) as u64), round % 3 == 0);
        let work = a.git(&["rev-parse", "work"]).ok().text();
        let path = format!("refs/tracker/jit:issues/{}/{}/{id}.json", &id[..1], &id[1..2]);
        let agree = || {
            let told = fleet.hub.git(&["cat-file", "blob", &path]);
            let done = told.code == Some(0) && told.stdout.contains("\"state\": \"done\"");
            done == (fleet.hub.git(&["rev-parse", "main"]).ok().text() == work)
        };
        // What git was told before the kill it goes on with for a moment, here and in the hub.
        until("all is at rest", || started_with(&format!("ROUND={run}")).is_empty());
        assert!(agree(), "round {round}: done and landed go together; replay it with JIT_SEED");
        a.jit_as("bot:a", &["land"]).ok();
        assert_eq!(a.issue(&id)["landed"]["commit"], work.as_str());
        assert_eq!((fleet.held(), fleet.hub.git(&["rev-parse", "main"]).ok().text()), (a.tip(), work));
    }
    a.assert_healthy();
}

#[test]
fn a_hub_may_tidy_up_and_refuse_what_it_likes_of_code() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    fleet.hub.git(&["config", "receive.denyNonFastForwards", "true"]).ok();
    fleet.hub.git(&["config", "receive.denyDeletes", "true"]).ok();
    fleet.hub.git(&["config", "receive.fsckObjects", "true"]).ok();
    a.git(&["config", "fetch.fsckObjects", "true"]).ok();
    for round in 0..4 {
        let id = a.ready(&format!("{round}"));
        a.jit(&["sync"]).ok();
        fleet.hub.git(&["gc", "--quiet", "--prune=now"]).ok();
        fleet.hub.git(&["pack-refs", "--all"]).ok();
        b.jit_as("bot:b", &["issue", "claim", &id]).ok();
        a.git(&["gc", "--quiet", "--prune=now"]).ok();
        b.jit_as("bot:b", &["issue", "release", &id]).ok();
        b.git(&["gc", "--quiet"]).ok();
        fleet.settle();
    }
    assert_eq!(fleet.tickets(), 0);
}

#[test]
fn shallow_and_partial_clones_take_part() {
    let mut fleet = Fleet::new(1);
    for n in 0..5 {
        fleet.clones[0].ready(&format!("{n}"));
    }
    fleet.clones[0].jit(&["sync"]).ok();
    fleet.hub.git(&["config", "uploadpack.allowFilter", "true"]).ok();
    fleet.join(&["--depth", "1"]);
    fleet.join(&["--filter=blob:none"]);
    fleet.join(&["--depth", "1"]);
    let [a, shallow, partial, cut] = [&fleet.clones[0], &fleet.clones[1], &fleet.clones[2], &fleet.clones[3]];
    // Somebody fetches the tracker as plain git does, cut off and without its files.
    let refspec = "+refs/tracker/jit:refs/jit-remotes/origin";
    cut.git(&["fetch", "--quiet", "--depth", "1", "origin", refspec]).ok();
    partial.git(&["fetch", "--quiet", "origin", refspec]).ok();
    for clone in [shallow, partial, cut] {
        clone.jit(&["init"]).ok();
        clone.ready("of a clone");
    }
    let merged = a.ready("of a");
    a.jit(&["sync"]).ok();
    fleet.settle();
    for clone in &fleet.clones {
        assert_eq!(clone.issue(&merged)["title"], "of a");
        assert_eq!(clone.jit(&["list", "--json"]).ok().json()["count"], 9);
    }
    cut.assert_healthy();
    partial.assert_healthy();
    assert_eq!(shallow.git(&["rev-list", "--count", "HEAD"]).ok().text(), "1", "the code stays as shallow as it was");
}

#[test]
fn a_hub_is_reached_by_whatever_transport_git_has() {
    let mut fleet = Fleet::new(1);
    let x = fleet.clones[0].ready("x");
    fleet.clones[0].jit(&["sync"]).ok();
    fleet.join(&[]);
    let b = &fleet.clones[1];
    // A program in place of ssh, as `ext::` allows.
    b.git(&["config", "protocol.ext.allow", "always"]).ok();
    let hub = fleet.hub.path().display().to_string();
    b.git(&["remote", "set-url", "origin", &format!("ext::git %s {hub}")]).ok();
    b.jit(&["init"]).ok();
    b.jit_as("bot:b", &["issue", "claim", &x]).ok();
    b.jit(&["sync"]).ok();
    assert_eq!(fleet.held(), b.tip());
    // The daemon of git, which asks nobody who they are.
    let Some(daemon) = Daemon::start(&fleet) else { return };
    b.git(&["remote", "set-url", "origin", &daemon.url]).ok();
    b.jit_as("bot:b", &["issue", "release", &x]).ok();
    b.ready("y");
    b.jit(&["sync"]).ok();
    assert_eq!(fleet.held(), b.tip());
    b.jit(&["remote", "check"]).ok();
    b.git(&["remote", "set-url", "origin", "git://127.0.0.1:1/hub.git"]).ok();
    assert_eq!(b.jit(&["sync", "--json"]).code(10).error_code(), "remote_unreachable");
}

/// `git daemon` on some port, ended with this value.
struct Daemon {
    child: Child,
    url: String,
}

impl Daemon {
    fn start(fleet: &Fleet) -> Option<Self> {
        let base = fleet.hub.outside().display().to_string();
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let mut command = fleet.clones[0].command("git");
        command.args(["daemon", "--reuseaddr", "--listen=127.0.0.1", "--export-all", "--enable=receive-pack"]);
        command.args([&format!("--port={port}"), &format!("--base-path={base}"), &base]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let daemon = Self { child, url: format!("git://127.0.0.1:{port}/hub.git") };
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(daemon);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_clone_whose_clock_is_an_hour_off_does_no_harm() {
    let fleet = Fleet::new(3);
    let [a, fast, slow] = [&fleet.clones[0], &fleet.clones[1], &fleet.clones[2]];
    let now = chrono_now();
    let id = a.ready("x");
    fleet.settle();
    let at = |repo: &Repo, offset: i64, args: &[&str]| {
        let time = jit::domain::time::Timestamp::from_millis(now + offset * 60_000).to_string();
        repo.run(args).env("JIT_CLOCK", time).output()
    };
    for round in 0..3 {
        at(fast, 60 + round, &["issue", "update", &id, "--title", &format!("fast {round}")]).ok();
        at(fast, 60 + round, &["sync"]).ok();
        at(slow, round - 60, &["issue", "comment", &id, &format!("slow {round}")]).ok();
        at(slow, round - 60, &["sync"]).ok();
        at(a, round, &["issue", "update", &id, "--label", &format!("+l{round}")]).ok();
        at(a, round, &["sync"]).ok();
    }
    // Whoever comes after the fast clone is later all the same, and is told.
    let told = at(a, 5, &["issue", "update", &id, "--title", "the last"]).ok();
    assert!(told.stderr.contains("ahead of this machine's clock"), "{told:?}");
    fleet.settle();
    let issue = slow.issue(&id);
    assert_eq!((&issue["title"], issue["labels"].as_array().map(Vec::len)), (&"the last".into(), Some(3)));
    assert_eq!(issue["comments"].as_array().map(Vec::len), Some(3));
}

fn chrono_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_millis()).expect("a time in this age")
}

/// What a remote may send: a name for it, the mode, the path and the content.
const HOSTILE: &[(&str, &str, &str, &str)] = &[
    ("a symbolic link", "120000", "issues/a/b/abcdefab-1234-4123-8123-123456789abc.json", "/etc/passwd"),
    ("a name that is not an issue's", "100644", "issues/a/b/evil.json", "{}"),
    ("a document in the wrong folder", "100644", "issues/0/0/abcdefab-1234-4123-8123-123456789abc.json", "{}"),
    ("broken JSON", "100644", "issues/a/b/abcdefab-1234-4123-8123-123456789abc.json", "{"),
    ("a broken log", "100644", "events.json", "[{]"),
    ("a broken gate", "100644", "gates/evil.json", "[]"),
    ("broken settings", "100644", "config.json", "[]"),
    ("a hidden file", "100644", ".git/config", "x"),
];

#[test]
fn a_hostile_tracker_is_refused_by_the_name_of_its_object() {
    let fleet = Fleet::new(2);
    let [a, evil] = [&fleet.clones[0], &fleet.clones[1]];
    let (good, held) = (evil.tip(), a.tip());
    for (what, mode, path, content) in HOSTILE {
        evil.git(&["update-ref", "refs/jit", &good]).ok();
        if path.starts_with('.') {
            plant_raw(evil, path, content);
        } else {
            evil.plant(&[(mode, path, content.as_bytes())]);
        }
        make_later(evil);
        evil.git(&["push", "--quiet", "--force", "origin", "refs/jit:refs/tracker/jit"]).ok();
        for apart in [false, true] {
            if apart {
                a.ready("unpublished");
            }
            let tip = a.tip();
            let refused = a.jit(&["sync", "--json"]);
            assert_eq!(
                (refused.code, refused.error_code().as_str()),
                (Some(10), "remote_unusable"),
                "{what}: {refused:?}"
            );
            let object = refused.json()["error"]["details"]["object"].as_str().expect("an object").to_owned();
            assert!(
                object.contains(path.split('/').next_back().expect("a name"))
                    || object.contains(path.split('/').next().expect("a name")),
                "{what}: {object}"
            );
            assert_eq!(a.tip(), tip, "{what}");
            a.jit(&["ready"]).ok();
        }
        a.git(&["update-ref", "refs/jit", &held]).ok();
        let fresh = a.beside("fresh");
        a.git_in(a.outside(), &["clone", "--quiet", "hub.git", "fresh"]).ok();
        assert_eq!(fresh.jit(&["init", "--json"]).code(10).error_code(), "remote_unusable", "{what}");
        assert_eq!(fresh.git(&["rev-parse", "--verify", "--quiet", "refs/jit"]).code, Some(1));
        std::fs::remove_dir_all(fresh.path()).expect("it can be removed");
    }
}

/// Gives the newest commit a time after all others, as one of the program's own has.
fn make_later(repo: &Repo) {
    repo.run_script(
        "export GIT_COMMITTER_DATE='2090-01-01T00:00:00 +0000'
        git update-ref refs/jit $(git commit-tree refs/jit^{tree} -p refs/jit^ -m planted)",
    );
}

/// Plants a file under a name that git itself would not take: in the root of the tree.
fn plant_raw(repo: &Repo, path: &str, content: &str) {
    let (folder, name) = path.split_once('/').expect("a folder and a name");
    let script = format!(
        "blob=$(printf %s '{content}' | git hash-object -w --stdin)
        sub=$(printf '100644 blob %s\\t{name}\\n' $blob | git mktree)
        tree=$( (git ls-tree refs/jit; printf '040000 tree %s\\t{folder}\\n' $sub) | git mktree)
        git update-ref refs/jit $(git commit-tree $tree -p refs/jit -m planted)"
    );
    repo.run_script(&script);
}

#[test]
fn a_tracker_of_a_later_format_is_left_alone_or_only_read() {
    for (field, adopted) in [("min_reader", false), ("min_writer", true)] {
        let fleet = Fleet::new(2);
        let [a, later] = [&fleet.clones[0], &fleet.clones[1]];
        let format = later.git(&["cat-file", "blob", "refs/jit:format.json"]).ok().stdout;
        let newer = format.replace(&format!("\"{field}\": 1"), &format!("\"{field}\": 99"));
        assert_ne!(format, newer);
        later.plant(&[("100644", "format.json", newer.as_bytes())]);
        make_later(later);
        later.git(&["push", "--quiet", "origin", "refs/jit:refs/tracker/jit"]).ok();
        let tip = a.tip();
        let synced = a.jit(&["sync", "--json"]);
        if adopted {
            synced.ok();
            a.jit(&["list"]).ok();
            assert_eq!(a.jit(&["issue", "create", "x", "--json"]).code(4).error_code(), "format_too_new");
        } else {
            assert_eq!(synced.code(4).error_code(), "format_too_new");
            assert_eq!(a.tip(), tip);
            a.ready("work goes on");
        }
        // With something unpublished there would have to be a merge, which this version may not write.
        let b = a.beside("third");
        a.git_in(a.outside(), &["clone", "--quiet", "hub.git", "third"]).ok();
        b.jit(&["init", "--no-remote"]).ok();
        let tip = b.tip();
        assert_eq!(b.jit(&["sync", "--json"]).code(4).error_code(), "format_too_new");
        assert_eq!(b.tip(), tip);
    }
}
