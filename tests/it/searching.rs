//! Full-text search: what is found, in which order, and what the database may not do to it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Output, Repo};

fn search(repo: &Repo, args: &[&str]) -> Output {
    repo.jit(&[&["search"], args, &["--json"]].concat()).ok()
}

/// Titles of what is found, the best first.
fn found(repo: &Repo, args: &[&str]) -> Vec<String> {
    let document = search(repo, args).json();
    let issues = document["issues"].as_array().unwrap();
    assert_eq!(document["count"], issues.len());
    issues.iter().map(|issue| issue["title"].as_str().unwrap().to_owned()).collect()
}

fn texts() -> Repo {
    let repo = Repo::new();
    repo.jit(&["issue", "create", "Login endpoint", "--desc", "POST /api/login answers with a token"]).ok();
    let second =
        repo.out(&["issue", "create", "Rate limiting", "-l", "area/api", "--desc", "Against brute force at login"]);
    repo.jit(&["issue", "comment", &second, "See refs/jit and the café example; naïve limits do harm"]).ok();
    repo.jit(&["issue", "create", "Documentation", "--context", "reviewer=zoë", "--ready"]).ok();
    repo
}

#[test]
fn words_are_found_in_every_text_and_the_title_counts_most() {
    let repo = texts();
    assert_eq!(found(&repo, &["login"]), ["Login endpoint", "Rate limiting"]);
    assert_eq!(found(&repo, &["LOGIN", "token"]), ["Login endpoint"]);
    assert_eq!(found(&repo, &["cafe"]), ["Rate limiting"]);
    assert_eq!(found(&repo, &["zoe"]), ["Documentation"]);
    assert_eq!(found(&repo, &["reviewer"]), ["Documentation"]);
    assert_eq!(found(&repo, &["refs/jit"]), ["Rate limiting"]);
    let hit = search(&repo, &["naive"]).json()["issues"][0].clone();
    assert_eq!(hit["field"], "comments");
    assert!(hit["excerpt"].as_str().unwrap().contains("naïve limits do harm"), "{hit}");
    assert!(hit["score"].as_f64().unwrap() > 0.0);
}

#[test]
fn phrases_beginnings_and_what_is_left_out() {
    let repo = texts();
    assert_eq!(found(&repo, &["\"brute force\""]), ["Rate limiting"]);
    assert_eq!(found(&repo, &["\"force brute\""]), Vec::<String>::new());
    assert_eq!(found(&repo, &["docu*"]), ["Documentation"]);
    assert_eq!(found(&repo, &["docu"]), Vec::<String>::new());
    assert_eq!(found(&repo, &["login -brute"]), ["Login endpoint"]);
    assert_eq!(found(&repo, &["\"brute fo\"*"]), ["Rate limiting"]);
    // What means something to the database means nothing here.
    for odd in
        ["login AND", "a OR b", "NEAR(login, x)", "title:login", "lo'gin", "login)", "{title}:x", "^login", "a+b"]
    {
        search(&repo, &[odd]);
    }
    assert_eq!(found(&repo, &["title:login"]), Vec::<String>::new());
}

#[test]
fn a_search_takes_the_conditions_of_a_list() {
    let repo = texts();
    assert_eq!(found(&repo, &["login", "--label", "area/api"]), ["Rate limiting"]);
    assert_eq!(found(&repo, &["login", "--filter", "NOT label:area/*"]), ["Login endpoint"]);
    assert_eq!(found(&repo, &["login", "--state", "ready"]), Vec::<String>::new());
    let one = search(&repo, &["login", "-n", "1"]).json();
    assert_eq!((&one["count"], &one["total"], &one["truncated"]), (&json!(1), &json!(2), &json!(true)));
}

#[test]
fn people_see_where_it_was_found_and_what_to_try() {
    let repo = texts();
    let text = repo.jit(&["search", "brute"]).ok();
    assert!(
        text.stdout.contains("Rate limiting  [open]\n          description: Against brute force at login"),
        "{}",
        text.stdout
    );
    let bold = repo.jit(&["--color", "always", "search", "brute"]).ok().stdout;
    assert!(bold.contains("\u{1b}[1mbrute\u{1b}[0m"), "{bold:?}");
    let none = repo.jit(&["search", "brut"]).ok();
    assert!(none.stdout.is_empty() && none.stderr.contains("nothing found; jit search 'brut*'"), "{}", none.stderr);
    let more = repo.jit(&["search", "login", "-n", "1"]).ok().stderr;
    assert!(more.contains("the best 1 of 2 shown"), "{more}");
}

#[test]
fn a_search_that_says_nothing_is_refused_with_its_place() {
    let repo = Repo::new();
    for (text, words) in [
        ("\"open", "at character 1: the quote is not closed"),
        ("-x", "nothing to look for"),
        ("!! --", "at character 1"),
    ] {
        let output = repo.jit(&["search", "--json", "--", text]).code(2);
        assert_eq!(output.error_code(), "invalid_search");
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
    repo.jit(&["search"]).code(2);
    assert_eq!(found(&repo, &["anything"]), Vec::<String>::new());
}

#[test]
fn what_changed_since_is_found_as_it_is_now_and_as_it_was() {
    let repo = texts();
    let then = repo.tip();
    assert_eq!(found(&repo, &["login"]).len(), 2);
    let id = search(&repo, &["endpoint"]).json()["issues"][0]["id"].as_str().unwrap().to_owned();
    repo.jit(&["issue", "update", &id, "--title", "Sign in"]).ok();
    repo.create("login again");
    assert_eq!(found(&repo, &["endpoint"]), Vec::<String>::new());
    assert_eq!(found(&repo, &["sign"]), ["Sign in"]);
    assert_eq!(found(&repo, &["login"]).len(), 3);
    assert_eq!(found(&repo, &["endpoint", "--at", &then]), ["Login endpoint"]);
    assert_eq!(found(&repo, &["endpoint"]), Vec::<String>::new(), "the past leaves no trace");
    repo.jit(&["issue", "delete", &id]).ok();
    assert_eq!(found(&repo, &["sign"]), Vec::<String>::new());
    repo.jit(&["undo"]).ok();
    assert_eq!(found(&repo, &["sign"]), ["Sign in"]);
}

#[test]
fn a_search_finds_the_same_whatever_becomes_of_the_database() {
    let repo = texts();
    let expected = found(&repo, &["login"]);
    let file = repo.path().join(".git/jit/search-2");
    assert!(file.is_file());
    let whole = std::fs::read(&file).unwrap();
    let again = |what: &str| assert_eq!(found(&repo, &["login"]), expected, "{what}");
    std::fs::write(&file, b"no database").unwrap();
    again("garbage");
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    again("half of it");
    let mut broken = whole.clone();
    let middle = broken.len() / 2;
    broken[middle..].fill(0xab);
    std::fs::write(&file, &broken).unwrap();
    search(&repo, &["login"]);
    std::fs::write(&file, b"").unwrap();
    again("empty");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    again("a folder");
    std::fs::remove_dir(&file).unwrap();
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    again("a full disk");
}

#[test]
fn searches_and_changes_at_once_do_not_disturb_one_another() {
    let repo = texts();
    let searching: Vec<_> = (0..6).map(|_| repo.run(&["search", "login", "--json"]).spawn()).collect();
    let changing: Vec<_> = (0..6).map(|n| repo.run(&["issue", "create", &format!("login {n}")]).spawn()).collect();
    for child in searching.into_iter().chain(changing) {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(found(&repo, &["login"]).len(), 8);
}

#[test]
fn a_search_that_is_killed_leaves_a_database_that_works() {
    let repo = Repo::new();
    let issues: Vec<Value> =
        (0..400).map(|n| json!({ "title": format!("number {n}"), "description": "word ".repeat(200) })).collect();
    let lines: Vec<String> = issues.iter().map(Value::to_string).collect();
    repo.run(&["import", "-"]).input(lines.join("\n")).ok();
    for millis in [2, 5, 10, 20, 40, 80] {
        let mut child = repo.run(&["search", "number", "--json"]).spawn();
        std::thread::sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(search(&repo, &["number"]).json()["total"], 400);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &repo.path().join(".git/jit/search-2").metadata().unwrap().permissions(),
    );
    assert_eq!(mode & 0o111, 0);
}

#[test]
fn what_a_plan_remembers_for_itself_is_not_searched() {
    let repo = Repo::new();
    repo.run(&["apply", "-"]).input("issues:\n  - {key: abc, title: Planned, labels: [needle]}\n").ok();
    assert_eq!(found(&repo, &["needle"]), Vec::<String>::new());
    assert_eq!(found(&repo, &["abc"]), ["Planned"]);
}

#[test]
fn what_is_written_without_spaces_is_found_by_any_part_of_it() {
    let repo = Repo::new();
    repo.jit(&["issue", "create", "登録画面を作る", "--desc", "로그인 화면"]).ok();
    repo.jit(&["issue", "create", "Fix — the ‘login’ screen - again"]).ok();
    for part in ["画面", "登録", "を作", "그인", "画面*"] {
        assert_eq!(found(&repo, &[part]), ["登録画面を作る"], "{part}");
    }
    assert_eq!(found(&repo, &["面画"]), Vec::<String>::new());
    let excerpt = search(&repo, &["화면"]).json()["issues"][0]["excerpt"].as_str().unwrap().to_owned();
    assert_eq!(excerpt, "로그인 화면", "nothing is put between the characters");
    repo.jit(&["issue", "create", "ﾃｽﾄ"]).ok();
    assert_eq!(found(&repo, &["ｽﾄ"]), ["ﾃｽﾄ"]);
    // A title may be given as it is.
    assert_eq!(found(&repo, &["Fix — the ‘login’ screen - again"]).len(), 1);
}

#[test]
fn an_issue_that_cannot_be_read_is_told_and_found_once_it_can() {
    let repo = texts();
    assert_eq!(found(&repo, &["login"]).len(), 2);
    let id = search(&repo, &["endpoint"]).json()["issues"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("issues/{}/{}/{id}.json", &id[..1], &id[1..2]);
    let whole = repo.git(&["show", &format!("refs/jit:{path}")]).text();
    repo.plant(&[("100644", &path, b"{ broken")]);
    for _ in 0..2 {
        let output = repo.jit(&["search", "login", "--json"]).ok();
        assert_eq!((&output.json()["count"], &output.json()["unreadable"]), (&json!(1), &json!(1)));
        assert!(output.stderr.contains("passed over") && output.stderr.contains("jit fsck"), "{}", output.stderr);
    }
    repo.plant(&[("100644", &path, whole.as_bytes())]);
    assert_eq!(found(&repo, &["login"]).len(), 2);
    assert_eq!(search(&repo, &["login"]).json()["unreadable"], 0);
}
