//! Sinks: events delivered to commands and over HTTP, in order, at least once.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tiny_http::{Header, Response, Server};

use crate::support::{Repo, until};

/// What came in over HTTP: the headers by their names in small letters, and the body.
struct Call {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("no {name}"), |(_, value)| value.as_str())
    }

    fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A server that answers with these statuses, one after the other, and with 200 from then on.
fn server(statuses: &'static [u16]) -> (String, Receiver<Call>) {
    let server = Server::http("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", server.server_addr().to_ip().unwrap());
    let (sender, calls) = channel();
    let mut statuses = statuses.iter().copied();
    std::thread::spawn(move || {
        for mut request in server.incoming_requests() {
            let headers = request.headers().iter();
            let headers =
                headers.map(|h| (h.field.as_str().as_str().to_lowercase(), h.value.as_str().to_owned())).collect();
            let mut body = Vec::new();
            request.as_reader().read_to_end(&mut body).unwrap();
            let status = statuses.next().unwrap_or(200);
            let mut answer = Response::empty(status);
            if status == 302 {
                answer = answer.with_header(Header::from_bytes("Location", "http://127.0.0.1:1/elsewhere").unwrap());
            }
            let _ = sender.send(Call { headers, body });
            let _ = request.respond(answer);
        }
    });
    (url, calls)
}

fn call(calls: &Receiver<Call>) -> Call {
    calls.recv_timeout(Duration::from_secs(20)).expect("a call")
}

fn listed(repo: &Repo, name: &str) -> Value {
    let list = repo.jit(&["sink", "list", "--json"]).ok().json();
    list["sinks"].as_array().unwrap().iter().find(|sink| sink["name"] == name).unwrap().clone()
}

/// The names of events that a command wrote down, a line each.
pub fn written(repo: &Repo) -> Vec<String> {
    repo.read("got").lines().map(str::to_owned).collect()
}

/// A command that writes down the name of each event.
pub const WRITES: &str = "echo \"$JIT_EVENT\" >> got";

#[test]
fn a_command_gets_each_event_on_stdin_and_in_its_environment() {
    let repo = Repo::new();
    repo.create("before");
    let command = "cat > body; echo \"$JIT_SINK $JIT_EVENT $JIT_EVENT_ID $JIT_ISSUE\" > words; cmp body \"$JIT_EVENT_FILE\"; pwd > place";
    repo.jit(&["sink", "add", "files", "--exec", command]).ok();
    let id = repo.create("after");
    let done = repo.jit(&["sink", "run", "--json"]).ok().json();
    assert_eq!((&done["delivered"], &done["sinks"][0]["name"]), (&json!(1), &json!("files")));
    let event: Value = serde_json::from_str(&repo.read("body")).unwrap();
    assert_eq!((&event["event"], &event["issue"]), (&json!("issue.created"), &json!(id)));
    let known = repo.jit(&["events", "tail", "-n", "1", "--json"]).ok().json_lines();
    assert_eq!(event["id"], known[0]["id"]);
    for (field, value) in known[0].as_object().unwrap().iter().filter(|(field, _)| *field != "cursor") {
        assert_eq!(event[field], *value, "{field}");
    }
    assert_eq!(repo.read("words").trim(), format!("files issue.created {} {id}", event["id"].as_str().unwrap()));
    assert_eq!(std::fs::canonicalize(repo.read("place").trim()).unwrap(), std::fs::canonicalize(repo.path()).unwrap());
    assert_eq!(repo.jit(&["sink", "run", "--json"]).ok().json()["delivered"], 0, "once is enough");
    let sink = listed(&repo, "files");
    assert_eq!((&sink["delivered"], &sink["pending"], &sink["failures"]), (&json!(1), &json!(0), &json!(0)));
}

#[test]
fn an_address_gets_a_signed_post_that_any_receiver_can_check() {
    let repo = Repo::new();
    let (url, calls) = server(&[]);
    repo.write("secret", "It's a Secret to Everybody\nand not this\n");
    repo.jit(&["sink", "add", "web", "--url", &url, "--secret-file", "secret"]).ok();
    let id = repo.create("a");
    repo.jit(&["sink", "run"]).ok();
    let call = call(&calls);
    assert_eq!((call.header("x-jit-event"), call.header("content-type")), ("issue.created", "application/json"));
    assert_eq!(call.header("x-jit-sink"), "web");
    assert_eq!(
        (call.event()["issue"].clone(), call.event()["id"].clone()),
        (json!(id), json!(call.header("x-jit-delivery")))
    );
    assert_eq!(call.header("x-jit-signature-256").len(), "sha256=".len() + 64);
    assert_eq!(listed(&repo, "web")["signed"], true);
    assert!(!repo.jit(&["sink", "list", "--json"]).ok().stdout.contains("Everybody"), "the secret is not shown");
}

#[test]
fn what_is_not_taken_is_tried_again_in_order_and_nothing_is_lost() {
    let repo = Repo::new();
    let (url, calls) = server(&[500, 302, 200, 404, 503, 500]);
    repo.jit(&["sink", "add", "web", "--url", &url]).ok();
    let ids = [repo.create("a"), repo.create("b"), repo.create("c")];
    let failed = repo.jit(&["sink", "run", "--json"]).code(10);
    assert_eq!(failed.json()["delivered"], 1, "the first in its third try");
    assert!(failed.json()["sinks"][0]["error"].as_str().unwrap().contains("it answered"), "{failed:?}");
    let sink = listed(&repo, "web");
    assert_eq!((&sink["delivered"], &sink["pending"]), (&json!(1), &json!(2)));
    until("all are taken", || repo.jit(&["sink", "run"]).code == Some(0));
    let mut taken: Vec<Value> = Vec::new();
    while let Ok(call) = calls.try_recv() {
        taken.push(call.event()["issue"].clone());
    }
    taken.dedup();
    assert_eq!(taken, ids.map(|id| json!(id)));
    let sink = listed(&repo, "web");
    assert_eq!((&sink["delivered"], &sink["failures"], &sink["error"]), (&json!(3), &json!(0), &Value::Null));
}

#[test]
fn a_sink_takes_only_what_it_asks_for() {
    let repo = Repo::new();
    repo.jit(&["sink", "add", "some", "--exec", WRITES, "--type", "issue.c*", "--filter", "label:x", "--actor", "y:1"])
        .ok();
    repo.jit_as("y:1", &["issue", "create", "no label"]).ok();
    let id = repo.jit_as("y:1", &["issue", "create", "a", "-l", "x"]).ok().text();
    repo.jit_as("y:2", &["issue", "comment", &id, "by another"]).ok();
    repo.jit_as("y:1", &["issue", "comment", &id, "hello"]).ok();
    repo.jit_as("y:1", &["issue", "update", &id, "--priority", "low"]).ok();
    repo.jit(&["sink", "run"]).ok();
    assert_eq!(written(&repo), ["issue.created", "issue.commented"]);
    assert_eq!(listed(&repo, "some")["pending"], 0);
}

#[test]
fn an_event_that_is_never_taken_can_be_passed_over() {
    let repo = Repo::new();
    repo.jit(&[
        "sink",
        "add",
        "picky",
        "--exec",
        "[ \"$JIT_EVENT\" != issue.commented ] || { echo bad luck; exit 3; }",
    ])
    .ok();
    let id = repo.create("a");
    repo.jit(&["issue", "comment", &id, "x"]).ok();
    repo.jit(&["issue", "update", &id, "--priority", "low"]).ok();
    let failed = repo.jit(&["sink", "run"]).code(10);
    assert!(failed.stderr.contains("picky: it exited 3: bad luck"), "{}", failed.stderr);
    assert!(repo.out(&["sink", "list"]).contains("failed 3 times by now: it exited 3"));
    let said = repo.jit(&["sink", "skip", "picky"]).ok().stderr;
    assert!(said.contains("passes over one issue.commented"), "{said}");
    assert_eq!(repo.jit(&["sink", "run", "--json"]).ok().json()["delivered"], 1);
    assert!(repo.jit(&["sink", "skip", "picky"]).ok().stderr.contains("nothing waits"));
}

#[test]
fn a_command_that_hangs_is_ended_with_everything_it_started() {
    let repo = Repo::new();
    repo.jit(&["sink", "add", "slow", "--timeout", "200ms", "--exec", "sleep 1000 & echo $! > pid; wait"]).ok();
    repo.create("a");
    let failed = repo.jit(&["sink", "run"]).code(10);
    assert!(failed.stderr.contains("took longer than 200 ms"), "{}", failed.stderr);
    let pid = repo.read("pid");
    // Where nobody waits for orphans, what was killed stays as a zombie.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "its child is gone too: {stat}");
}

#[test]
fn what_nobody_agreed_to_is_not_run() {
    let repo = Repo::new();
    repo.jit(&["sink", "add", "mine", "--exec", WRITES]).ok();
    let file = repo.path().join(".git/jit/sinks/mine.json");
    let text = std::fs::read_to_string(&file).unwrap().replace("echo", "touch hacked; echo");
    std::fs::write(&file, text).unwrap();
    repo.create("a");
    let refused = repo.jit(&["sink", "run", "mine", "--json"]).code(4);
    assert_eq!(refused.error_code(), "sink_not_trusted");
    let all = repo.jit(&["sink", "run"]).code(10);
    let way = "jit sink add mine --exec ";
    assert!(all.stderr.contains(way) && listed(&repo, "mine")["error"].as_str().unwrap().contains(way), "{all:#?}");
    assert!(!repo.path().join("hacked").exists() && !repo.path().join("got").exists());
    // The way out adds it as it is: what was looked at is agreed to.
    let hint = refused.json()["error"]["details"]["runs"].as_str().unwrap().to_owned();
    assert!(hint.contains("touch hacked"), "{hint}");
    let before = std::fs::read_to_string(&file).unwrap();
    let way_out = refused.json()["error"]["hint"].as_str().unwrap().to_owned();
    assert!(repo.command("sh").args(["-c", &way_out]).status().unwrap().success(), "{way_out}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &str| repo.path().join(path).metadata().unwrap().permissions().mode() & 0o077;
    assert_eq!((mode(".git/jit/sinks"), mode(".git/jit/sinks/mine.position")), (0, 0));
}

#[test]
fn wrong_sinks_are_refused_exactly() {
    let repo = Repo::new();
    repo.jit(&["sink", "add", "x"]).code(2);
    repo.jit(&["sink", "add", "x", "--exec", "a", "--url", "http://b"]).code(2);
    repo.jit(&["sink", "add", "x", "--url", "ftp://b"]).code(2);
    repo.jit(&["sink", "add", "../x", "--exec", "a"]).code(2);
    assert_eq!(
        repo.jit(&["sink", "add", "x", "--exec", "a", "--filter", "state:x", "--json"]).code(2).error_code(),
        "invalid_filter"
    );
    assert_eq!(
        repo.jit(&["sink", "add", "x", "--exec", "a", "--since-cursor", "ffffffff", "--json"]).code(3).error_code(),
        "unknown_cursor"
    );
    repo.jit(&["sink", "add", "x", "--exec", "true"]).ok();
    assert_eq!(repo.jit(&["sink", "add", "x", "--exec", "true", "--json"]).code(6).error_code(), "sink_exists");
    repo.jit(&["sink", "add", "x", "--exec", "false", "--replace"]).ok();
    assert_eq!(listed(&repo, "x")["exec"], "false");
    for args in [&["sink", "rm", "y"][..], &["sink", "run", "y"], &["sink", "skip", "y"]] {
        repo.jit(args).code(3);
    }
    // A position that cannot be read begins nowhere by itself.
    std::fs::write(repo.path().join(".git/jit/sinks/x.position"), "{").unwrap();
    let told = repo.jit(&["sink", "run"]).code(10).stderr;
    assert!(told.contains("cannot be read"), "{told}");
    let kept = repo.jit(&["sink", "add", "x", "--exec", "true", "--replace"]);
    assert_ne!(kept.code, Some(0));
    assert!(kept.stderr.contains("with --since-cursor it begins after a commit\nhint: jit log"), "{}", kept.stderr);
    repo.jit(&["sink", "add", "x", "--exec", "true", "--replace", "--since-cursor", &repo.tip()]).ok();
    repo.jit(&["sink", "rm", "x"]).ok();
    assert_eq!(repo.jit(&["sink", "list", "--json"]).ok().json()["count"], 0);
}

#[test]
fn a_sink_begins_where_it_is_told_and_an_unreachable_address_says_so() {
    let repo = Repo::new();
    let start = repo.tip();
    repo.create("a");
    repo.create("b");
    repo.jit(&["sink", "add", "late", "--exec", WRITES, "--since-cursor", &start]).ok();
    assert_eq!(listed(&repo, "late")["pending"], 2);
    repo.jit(&["sink", "run"]).ok();
    assert_eq!(written(&repo).len(), 2);
    repo.jit(&["sink", "add", "nowhere", "--url", "http://127.0.0.1:1/", "--timeout", "2s"]).ok();
    repo.create("c");
    let failed = repo.jit(&["sink", "run", "nowhere"]).code(10);
    assert!(failed.stderr.contains("nowhere: "), "{}", failed.stderr);
}

#[test]
fn each_event_has_its_own_tries_and_a_run_that_is_ended_says_so() {
    let repo = Repo::new();
    let fails_once = "[ -e \"seen-$JIT_EVENT_ID\" ] || { touch \"seen-$JIT_EVENT_ID\"; exit 1; }";
    repo.jit(&["sink", "add", "once", "--exec", fails_once]).ok();
    (0..4).for_each(|n| drop(repo.create(&format!("{n}"))));
    assert_eq!(repo.jit(&["sink", "run", "--json"]).ok().json()["delivered"], 4);
    repo.jit(&["sink", "rm", "once"]).ok();
    // A server that takes a call and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    repo.jit(&["sink", "add", "web", "--url", &url]).ok();
    repo.create("x");
    let run = repo.run(&["sink", "run"]).spawn();
    let _call = silent.accept().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&run), rustix::process::Signal::TERM).unwrap();
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(10));
    assert!(String::from_utf8_lossy(&output.stderr).contains("it was interrupted"));
    repo.jit(&["sink", "add", "y", "--exec", " "]).code(2);
    repo.jit(&["sink", "add", "y", "--url", "https://"]).code(2);
    repo.jit(&["sink", "add", "y", "--exec", "true", "--timeout", "0s"]).code(2);
    repo.jit(&["sink", "add", "y", "--exec", "true", "--type", "isue.*"]).code(2);
}
