//! A thousand issues through one coordinator.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::{Pool, until};

#[test]
fn a_thousand_issues_with_dependencies_go_through_sixteen_slots_each_once_and_in_order() {
    const COUNT: usize = 1_000;
    let mut pool = Pool::new().set("poll_interval_secs", json!(5));
    for number in 1..=4 {
        // No shell in between: the command takes the issue as its last argument.
        let command = "jit -q issue update --state done";
        pool.push(json!({ "id": format!("w{number}"), "agent_type": "bot", "command": command, "max_concurrent": 4 }));
    }
    let id = |number: usize| {
        let first = (number as u32).wrapping_mul(0x9e37_79b9);
        format!("{first:08x}-0000-4000-8000-{number:012x}")
    };
    let waits_for = |number: usize| if number < 100 { vec![] } else { vec![id(number - 100), id(number / 2)] };
    let line = |number: usize| {
        let title = format!("issue {number}");
        json!({ "id": id(number), "title": title, "state": "ready", "dependencies": waits_for(number) }).to_string()
    };
    let lines: Vec<String> = (0..COUNT).map(line).collect();
    pool.repo.write("issues", lines.join("\n") + "\n");
    pool.repo.jit(&["import", "issues"]).ok();
    pool.start();
    let done = || pool.repo.jit(&["status", "--json"]).ok().json()["counts"]["done"].as_u64() == Some(COUNT as u64);
    until("all are done", || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        done()
    });
    let events = pool.repo.jit(&["events", "query", "-n", "0", "--json"]).json_lines();
    let mut claimed: BTreeMap<String, usize> = BTreeMap::new();
    let mut ended = std::collections::BTreeSet::new();
    for event in events {
        let issue = event["issue"].as_str().unwrap_or_default().to_owned();
        match event["event"].as_str() {
            Some("issue.claimed") => {
                let number = usize::from_str_radix(&issue[24..], 16).unwrap();
                assert!(waits_for(number).iter().all(|on| ended.contains(on)), "{issue} began too early");
                *claimed.entry(issue).or_default() += 1;
            }
            Some("issue.completed") => drop(ended.insert(issue)),
            Some("issue.released" | "agent.stalled") => panic!("{event:#}"),
            _ => {}
        }
    }
    assert_eq!(claimed.len(), COUNT);
    assert!(claimed.values().all(|times| *times == 1));
    until("every process is gone", || pool.processes().is_empty() && pool.left().is_empty());
}
