//! `eyrie containers`.

use crate::support::*;

/// Scenario: the table of what runs, and of what has ended too. Guarantees: one id on two hosts is two lines; ids are short; pods,
/// ages, ends and what is not known are told; nothing colours a pipe.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_tells_what_runs_and_what_ended() {
    let scene = Scene::start().await;
    let run = scene.run(&["containers"]).await;
    assert_eq!((run.code, &*run.errors), (0, ""));
    assert!(!run.output.contains('\u{1b}'), "{}", run.output);
    let header = "HOST CONTAINER ID NAME IMAGE POD STATUS AGE KNOWN";
    let lines = words(&run.output);
    assert_eq!(lines[0].join(" "), header);
    let row = |line: &[&str]| [&line[..6], &line[7..]].concat().join(" ");
    let rows: Vec<String> = lines[1..].iter().map(|line| row(line)).collect();
    let expected = [
        "one bb1122334455 db docker.io/library/busybox:1 <none> running complete",
        "one aa1122334455 web docker.io/library/nginx:1.27 shop/web-0 running complete",
        "two aa1122334455 <unknown> <unknown> <unknown> running pending",
    ];
    assert_eq!(rows, expected);
    assert!(lines[1][6].ends_with('m'), "{:?}", lines[1]);
    let run = scene.run(&["containers", "--all", "--name", "gone"]).await;
    let gone = words(&run.output)[1].join(" ");
    // It ended fifty minutes before the scene began.
    assert!(gone.contains(" ended 5") && gone.contains("m ago "), "{gone}");
    let run = scene.run(&["containers", "-o", "wide", "--name", "web"]).await;
    let lines = words(&run.output);
    assert_eq!(
        lines[0].join(" "),
        "HOST CONTAINER ID NAME IMAGE POD RUNTIME IPS PRIVILEGED STARTED STATUS AGE TOLD BY KNOWN"
    );
    let wide = lines[1].join(" ");
    for text in [TWIN_ID, "podman 10.0.0.7 yes 2023-11-14T22:13:20Z running", "bundle complete"] {
        assert!(wide.contains(text), "no {text:?} in {wide}");
    }
}

/// Scenario: each filter; a list that is empty. Guarantees: filters pick what they say; an empty list says which service knows none, and
/// ends with 0 as kubectl does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_are_passed_on() {
    let scene = Scene::start().await;
    for (arguments, expected) in [
        (&["--host", "two"][..], &["two/"][..]),
        (&["--host", "one", "--host", "two"], &["one/web", "one/db", "two/"]),
        (&["--namespace", "shop"], &["one/web"]),
        (&["-n", "shop"], &["one/web"]),
        (&["--image", "nginx"], &["one/web"]),
        (&["--image", "busybox:1", "--all"], &["one/gone", "one/db"]),
    ] {
        let listed = scene.json(&[&["containers"], arguments].concat()).await;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let names: Vec<_> =
            listed.iter().map(|one| format!("{}/{}", text(&one["host"]), text(&one["name"]))).collect();
        assert_eq!(names, expected, "{arguments:?}");
    }
    let run = scene.run(&["containers", "--image", "nothing"]).await;
    assert_eq!((run.code, &*run.output), (0, ""));
    assert!(run.errors.contains("no such container runs") && run.errors.contains("--all"), "{}", run.errors);
    assert!(run.errors.contains(&scene.url()), "{}", run.errors);
    let run = scene.run(&["containers", "--image", "nothing:", "--json"]).await;
    assert_eq!((run.code, &*run.output), (0, ""));
}

/// Scenario: `--at` before, in and after a container's life, as RFC 3339 and as Falco prints times; at no time and in times to come.
/// Guarantees: the list is that of the moment; what is no moment is refused with what one looks like.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_as_of_a_moment() {
    let scene = Scene::start().await;
    let gone_at = async |at: &str| {
        let listed = scene.json(&["containers", "--at", at, "--host", "one"]).await;
        listed.iter().any(|one| one["name"] == "gone")
    };
    let raw = |seconds: u64| {
        let at: jiff::Timestamp = scene.at(seconds).parse().unwrap();
        (at.as_nanosecond().to_string(), at.as_second().to_string(), at.strftime("%F %T.%9f").to_string())
    };
    for (seconds, is_there) in [(59, false), (60, true), (599, true), (600, false)] {
        let (rawtime, rawtime_s, datetime) = raw(seconds);
        for at in [&scene.at(seconds), &rawtime, &rawtime_s, &datetime] {
            assert_eq!(gone_at(at).await, is_there, "{at}");
        }
    }
    // The scene's hosts booted an hour ago.
    assert!(gone_at("-55m").await);
    assert!(!gone_at("-10m").await);
    assert!(scene.json(&["containers", "--at", "-2h"]).await.is_empty());
    for (at, problem) in [("soon", "is no time"), ("2100-01-01T00:00:00Z", "yet to come")] {
        let run = scene.run(&["containers", "--at", at]).await;
        assert_eq!(run.code, 1);
        assert!(run.errors.contains(at) && run.errors.contains(problem), "{}", run.errors);
    }
}

/// Scenario: more containers than a page has, of two hosts. Guarantees: the command reads all pages, and each container once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_pages_are_read() {
    let scene = Scene::empty().await;
    for host in 1..=2 {
        let facts =
            (1..=700).map(|number| stated(plain(key(host, number, 1, &format!("{number:064x}")), "n")));
        scene.relay(host, facts).await;
    }
    let listed = scene.json(&["containers"]).await;
    assert_eq!(listed.len(), 1_400);
    let distinct: std::collections::HashSet<_> =
        listed.iter().map(|one| (one["origin"].to_string(), one["id"].to_string())).collect();
    assert_eq!(distinct.len(), 1_400);
    assert_eq!(scene.run(&["containers"]).await.output.lines().count(), 1_401);
}

/// Scenario: nobody listens; an address that is none. Guarantees: the command ends with 1 or 2 and says what to start or name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_away_is_named() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let away = run(&["containers", "--metadata", &format!("http://127.0.0.1:{port}")]).await;
    assert_eq!(away.code, 1);
    for text in ["no metadata service answers", "eyrie up", "--metadata", &port.to_string()] {
        assert!(away.errors.contains(text), "no {text:?} in {}", away.errors);
    }
    let none = run(&["containers", "--metadata", "nowhere"]).await;
    assert_eq!(none.code, 2);
    assert!(none.errors.contains("https://HOST:PORT"), "{}", none.errors);
}
