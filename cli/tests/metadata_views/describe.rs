//! `eyrie describe container`.

use crate::support::*;

/// Scenario: a container of which everything was told, by two sources. Guarantees: every statement is there, with who told it and since
/// when; a terminal is not steered by a label.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_described() {
    let scene = Scene::start().await;
    let mut later = plain(key(1, 5, 120, TWIN_ID), "renamed");
    later.image = None;
    later.runtime = String::new();
    // What is missing is what the last of those say who know most.
    later.reasons = vec!["cni_result: the runtime did not say".to_owned()];
    later.provenance = vec![provenance("podman-storage", 1_700_000_100 * SECOND_NS)];
    scene.relay(1, [stated(later)]).await;
    let run = scene.run(&["describe", "container", "aa11", "--host", "one"]).await;
    assert_eq!((run.code, &*run.errors), (0, ""));
    assert!(!run.output.contains('\u{1b}'), "{}", run.output);
    let begun =
        jiff::Timestamp::from_second(scene.at(120).parse::<jiff::Timestamp>().unwrap().as_second()).unwrap();
    let from = format!("From:             {begun}");
    for line in [
        "Name:             renamed",
        &format!("Container ID:     {TWIN_ID}"),
        "Runtime:          podman",
        "Host:             one",
        "Image:            docker.io/library/nginx:1.27",
        "Image ID:         feed",
        "Image Digest:     sha256:beef",
        "Status:           running",
        &from,
        "Created:          <unknown>",
        "Started:          2023-11-14T22:13:20Z",
        "Pod:              shop/web-0",
        "Pod UID:          pod-uid-1",
        "Pod Sandbox:      sandbox-1",
        "Pod Labels:       tier=front",
        "User:             1000",
        "Privileged:       yes",
        "Host Network:     no",
        "Host PID:         yes",
        "Host IPC:         no",
        "Capabilities:     CAP_SYS_ADMIN",
        "IPs:              10.0.0.7",
        "Environment:      PATH\n                  TOKEN",
        "Labels:           app=shop\\u{1b}[31m",
        "Mounts:           /data from /srv/data (rw, rbind, rprivate)",
        "Probes:           liveness: curl localhost",
        "CNI Result:       <none>",
        "Known:            complete",
        "Missing:          cni_result: the runtime did not say",
        "Told By:          bundle since 1970-01-01T00:00:01Z: runtime, labels, mounts, is_privileged,",
        "                  podman-storage since 2023-11-14T22:15:00Z: name, reasons\nLast Heard:       bundle at 1970-01-01T00:00:01Z by capture-agent",
        "                  podman-storage at 2023-11-14T22:15:00Z by capture-agent",
    ] {
        assert!(run.output.contains(line), "no {line:?} in\n{}", run.output);
    }
    let json = scene.json(&["describe", "container", "aa11", "--host", "one"]).await;
    assert_eq!(json.len(), 1);
    assert_eq!(json[0]["mounts"][0]["destination"], "/data");
    assert_eq!(json[0]["pod"]["labels"]["tier"], "front");
    assert_eq!(json[0]["probes"][0]["kind"], "liveness");
    assert_eq!(json[0]["field_sources"][1]["fields"], serde_json::json!(["name", "reasons"]));
    assert_eq!(json[0]["known"], "complete");
}

/// Scenario: ids that begin those of several containers: of several on one host, of one id on two hosts. Guarantees: each candidate is
/// shown, with what tells them apart; with that the container is found. So it is by its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ambiguous_ids_list_their_candidates() {
    let scene = Scene::start().await;
    let run = scene.run(&["describe", "container", "aa"]).await;
    assert_eq!((run.code, &*run.output), (1, ""));
    for text in [
        "aa means 3 containers",
        TWIN_ID,
        GONE_ID,
        "web  running on one",
        "gone  ended on one",
        "more of the id",
    ] {
        assert!(run.errors.contains(text), "no {text:?} in {}", run.errors);
    }
    let run = scene.run(&["describe", "container", TWIN_ID]).await;
    assert_eq!(run.code, 1);
    assert!(run.errors.contains("means 2 containers") && run.errors.contains("--host one"), "{}", run.errors);
    let two = scene.run(&["describe", "container", TWIN_ID, "--host", "two"]).await;
    assert!(two.output.contains("Host:             two"), "{}", two.output);
    assert!(two.output.contains("Name:             <unknown>"), "{}", two.output);
    assert!(two.output.contains("Missing:          name, image: of docker"), "{}", two.output);
    let named = scene.run(&["describe", "container", "db"]).await;
    assert!(named.output.contains(DB_ID), "{}", named.output);
    let many = scene
        .relay(3, (0..40).map(|number| stated(plain(key(3, number + 1, 1, &format!("cc{number:02}")), "n"))));
    many.await;
    let run = scene.run(&["describe", "container", "cc"]).await;
    assert!(
        run.errors.contains("cc means 40 containers") && run.errors.contains("and 30 more"),
        "{}",
        run.errors
    );
}

/// Scenario: a container that was started anew and ended: moments before, in, between and after its lives. Guarantees: each moment has the
/// life of the time, or none; without a moment the running or last one is described, and that there are more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_is_as_of_a_moment() {
    let scene = Scene::start().await;
    let again = key(1, 8, 1_000, GONE_ID);
    scene.relay(1, [stated(plain(again.clone(), "again"))]).await;
    let described = async |more: &[&str]| {
        let run = scene.run(&[&["describe", "container", "aa99"], more].concat()).await;
        let name = run.output.lines().next().unwrap_or_default().to_owned();
        (run, name.replace("Name:", "").trim().to_owned())
    };
    let (run, name) = described(&[]).await;
    assert_eq!(name, "again");
    assert!(run.output.contains("Lives:            2 are known"), "{}", run.output);
    for (seconds, expected) in [(59, ""), (60, "gone"), (599, "gone"), (600, ""), (1_000, "again")] {
        let (run, name) = described(&["--at", &scene.at(seconds)]).await;
        assert_eq!(
            (&*name, run.code),
            (expected, i32::from(expected.is_empty())),
            "at {seconds}: {}",
            run.errors
        );
    }
    scene.relay(1, [removed(again, 1_100)]).await;
    let (run, name) = described(&[]).await;
    assert_eq!(name, "again");
    assert!(
        run.output.contains("Status:           ended") && run.output.contains("Until:            "),
        "{}",
        run.output
    );
}

/// Scenario: an id that nobody has; an empty one. Guarantees: the error names it and the service, and says what to check.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_ids_say_what_to_check() {
    let scene = Scene::start().await;
    let run = scene.run(&["describe", "container", "dead", "--at", "-1m", "--host", "one"]).await;
    assert_eq!((run.code, &*run.output), (1, ""));
    let errors = run.errors.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in ["dead", "on one", "at -1m", "containers --all", "eyrie hosts", "Without --at"] {
        assert!(errors.contains(text), "no {text:?} in {}", run.errors);
    }
    let run = scene.run(&["describe", "container", "dead"]).await;
    assert!(run.errors.contains("--tombstone-retention-secs"), "{}", run.errors);
    let run = scene.run(&["describe", "container", ""]).await;
    assert_eq!(run.code, 1);
    assert!(run.errors.contains("ID is empty"), "{}", run.errors);
}
