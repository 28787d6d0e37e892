//! What is blotted out, and what is not.

use eyrie_proto::{
    capture::Batch,
    event::{Exec, HostBoot, Origin, PathArgument, ProcessSnapshot, Transfer, TwoPathCall, origin},
    metadata::{Container, ContainerProbe, LateFact},
    recording::{RecordedBatch, RecordingHeader},
};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::Writer;

fn redactor(arguments: &[&str], environment: &[&str], has_secrets: bool) -> Redactor {
    let owned = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    let (arguments, environment) = (owned(arguments), owned(environment));
    Redactor::new(&Redactions { arguments, environment, has_secrets, has_data: false }).unwrap()
}

/// The words of a command line after redaction, joined by "|".
fn redacted(redactor: &Redactor, words: &[&str]) -> String {
    let mut words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    redactor.words(words.iter_mut().collect());
    words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>().join("|")
}

/// Scenario: patterns with and without a group, that match in one argument, in two, several times and overlapping. Guarantees: the
/// group or the whole match is replaced, and nothing around it.
#[test]
fn patterns_replace_what_they_match() {
    let one = redactor(&["hunter[0-9]", "--pin[= ](.+)", "^key=(.*)$"], &[], false);
    assert_eq!(redacted(&one, &["cmd", "a-hunter2-b-hunter3"]), "cmd|a-<redacted>-b-<redacted>");
    assert_eq!(redacted(&one, &["cmd", "--pin=12 34", "x"]), "cmd|--pin=<redacted>|x");
    assert_eq!(redacted(&one, &["cmd", "--pin", "12 34", "x"]), "cmd|--pin|<redacted>|x");
    assert_eq!(redacted(&one, &["cmd", "key=hunter2"]), "cmd|key=<redacted>");
    assert_eq!(redacted(&one, &["cmd", "nothing", "of", "it"]), "cmd|nothing|of|it");
    let across = redactor(&["b c"], &[], false);
    assert_eq!(redacted(&across, &["a b", "c d"]), "a <redacted>|<redacted> d");
}

/// Scenario: command lines of well-known programs with secrets in them, and others that look alike. Guarantees: the secret is gone and
/// the rest is there; what is no secret stays.
#[test]
fn well_known_secrets_are_found() {
    let known = redactor(&[], &[], true);
    let cases: &[&[&str]] = &[
        &["mysql", "--password=hunter2"],
        &["tool", "--api-key", "hunter2"],
        &["env", "AWS_SECRET_ACCESS_KEY=hunter2", "aws"],
        &["sh", "-c", "GITHUB_TOKEN='hunter2 x' gh pr list"],
        &["curl", "-H", "Authorization: Bearer hunter2"],
        &["curl", "-H", "Authorization: Basic hunter2", "http://host/path"],
        &["curl", "-u", "me:hunter2"],
        &["curl", "https://me:hunter2@host/path?x=1"],
        &["curl", "https://host/path?access_token=hunter2&x=1"],
        &["mysql", "-phunter2"],
        &["curl", "-d", r#"{"user": "me", "password": "hunter2"}"#],
        &["echo", "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----"],
        &["login", "ghp_hunter2hunter2hunter2hunter2hunter2"],
    ];
    for words in cases {
        let found = redacted(&known, words);
        assert!(!found.contains("hunter2"), "{found}");
        assert!(found.starts_with(words[0]) && found.contains(REDACTED), "{found}");
    }
    assert_eq!(redacted(&known, cases[7]), "curl|https://me:<redacted>@host/path?x=1");
    assert_eq!(redacted(&known, cases[8]), "curl|https://host/path?access_token=<redacted>&x=1");
    let harmless: &[&[&str]] = &[
        &["cat", "/etc/passwd"],
        &["passwd", "root"],
        &["curl", "http://host:8080/path"],
        &["ssh-keygen", "-f", "key"],
        &["git", "clone", "ssh://git@host/x.git"],
    ];
    for words in harmless {
        assert_eq!(redacted(&known, words), words.join("|"));
    }
}

/// Scenario: variables whose names match, whose values do, and neither. Guarantees: the name stays and the value goes; other variables
/// stay whole.
#[test]
fn variables_lose_their_values() {
    let one = redactor(&["hunter[0-9]"], &["DB_*", "X?"], true);
    let variable = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        one.variable(&mut bytes);
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(variable("DB_HOST=h"), "DB_HOST=<redacted>");
    assert_eq!(variable("db_host=h=i"), "db_host=<redacted>");
    assert_eq!(variable("NOT_DB_HOST=h"), "NOT_DB_HOST=h");
    assert_eq!((variable("X1=a"), variable("X12=a")), ("X1=<redacted>".into(), "X12=a".into()));
    assert_eq!(variable("URL=a hunter2 b"), "URL=a <redacted> b");
    assert_eq!(variable("GITHUB_TOKEN=x"), "GITHUB_TOKEN=<redacted>");
    assert_eq!(variable("SSH_AUTH_SOCK=/tmp/s"), "SSH_AUTH_SOCK=/tmp/s");
    assert_eq!(variable("hunter2"), "<redacted>");
}

/// A stream that has the secret wherever one may be.
fn stream_with(secret: &str) -> Vec<Kind> {
    let word = || format!("--password={secret}").into_bytes();
    let variable = || format!("PASSWORD={secret}").into_bytes();
    let process = || ProcessState {
        exe: word(),
        arguments: vec![b"--token".to_vec(), secret.as_bytes().to_vec()],
        environment: vec![variable()],
        ..ProcessState::default()
    };
    let exec = Exec {
        exe: b"cmd".to_vec(),
        arguments: vec![word()],
        environment: vec![variable()],
        path: Some(PathArgument { requested: b"/usr/bin/cmd".to_vec(), ..PathArgument::default() }),
        ..Exec::default()
    };
    let snapshot = ProcessSnapshot { state: Some(process()), ..ProcessSnapshot::default() };
    let mount = TwoPathCall { data: word(), ..TwoPathCall::default() };
    let transfer = Transfer { data: word(), ..Transfer::default() };
    let kinds = [
        EventKind::Exec(exec),
        EventKind::ProcessSnapshot(snapshot),
        EventKind::TwoPathCall(mount),
        EventKind::Transfer(transfer),
    ];
    let events = kinds.into_iter().map(|kind| Event { kind: Some(kind), ..Event::default() }).collect();
    let probe = ContainerProbe { command: vec![format!("--password={secret}")], ..ContainerProbe::default() };
    let container = Container { probes: vec![probe], ..Container::default() };
    let fact = LateFact { kind: Some(late_fact::Kind::Container(container)) };
    let host = HostBoot { machine_id: "m".to_owned(), boot_id: "b".to_owned() };
    let origin = Origin { tenant: String::new(), kind: Some(origin::Kind::Host(host)) };
    vec![
        Kind::Header(RecordingHeader { version: 1, origin: Some(origin), ..RecordingHeader::default() }),
        Kind::BaseState(BaseState { processes: vec![process()], is_last: true, ..BaseState::default() }),
        Kind::Batch(RecordedBatch {
            batch: Some(Batch { events, ..Batch::default() }),
            left_out_before: Vec::new(),
        }),
        Kind::LateFacts(LateFacts { first_fact_sequence: 1, facts: vec![fact] }),
    ]
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

/// Scenario: a stream that has a secret everywhere is redacted, by name, by plain text, with and without data. Guarantees: no entry
/// has a byte of it left, nor the header; without data the data keep it, and paths stay.
#[test]
fn no_entry_keeps_the_secret() {
    let secret = "correct-horse-battery";
    let redactions = Redactions {
        arguments: vec![secret.to_owned(), "horse-[a-z]+".to_owned()],
        environment: vec!["PASS*".to_owned()],
        has_secrets: true,
        has_data: true,
    };
    for has_data in [true, false] {
        let redactor = Redactor::new(&Redactions { has_data, ..redactions.clone() }).unwrap();
        let mut kinds = stream_with(secret);
        kinds.iter_mut().for_each(|kind| redactor.apply(kind));
        let all: Vec<u8> = kinds
            .iter()
            .flat_map(|kind| {
                eyrie_proto::recording::RecordingEntry { kind: Some(kind.clone()) }.encode_to_vec()
            })
            .collect();
        assert_eq!(contains(&all, secret), !has_data);
        assert!(contains(&all, "/usr/bin/cmd"));
        let Some(Kind::Header(header)) = kinds.first() else { panic!("no header") };
        let told = ["argument: pattern of 21 bytes", "argument: pattern of 12 bytes", "environment: PASS*"];
        assert_eq!(header.redactions[..3], told);
        // Packed, it might hide; what is not packed cannot.
        let mut writer = Writer::new(Vec::new()).unwrap();
        kinds.iter().for_each(|kind| writer.write(kind).unwrap());
        writer.finish().unwrap();
    }
}

/// Scenario: secrets that look like expressions are given as patterns: a signed web token, base64, passwords with brackets; each is
/// on command lines and in the environment. Guarantees: neither there nor in the header is there a byte of it; the header says that
/// there was a pattern.
#[test]
fn secrets_that_look_like_expressions_are_not_told() {
    for secret in
        ["eyJhbGciOi.eyJzdWIiOiI.c2lnbmF0dXJl", "abc+def/1==", "pa$$word?", "x[9]kP(w)", r"\w+horse"]
    {
        let redactor = redactor(&[secret], &[], false);
        let mut kinds = stream_with(secret);
        // Without data, and paths aside: they are not looked through.
        kinds.iter_mut().for_each(|kind| redactor.apply(kind));
        let Some(Kind::Header(header)) = kinds.first() else { panic!("no header") };
        assert_eq!(header.redactions, [format!("argument: pattern of {} bytes", secret.len())]);
        let Some(Kind::BaseState(part)) = kinds.get(1) else { panic!("no base state") };
        let state = part.encode_to_vec();
        assert!(!contains(&state, secret) && contains(&state, REDACTED), "{secret}");
        let line = redacted(&redactor, &["eyrie", "record", "--redact", secret, "x.eyrie"]);
        assert_eq!(line, "eyrie|record|--redact|<redacted>|x.eyrie");
    }
}

/// Scenario: patterns that are no expressions, empty ones, ones that match nothing at all, far too many. Guarantees: each is refused and
/// named.
#[test]
fn useless_patterns_are_refused() {
    let of = |pattern: &str| {
        let redactions = Redactions { arguments: vec![pattern.to_owned()], ..Redactions::default() };
        Redactor::new(&redactions).unwrap_err()
    };
    assert!(matches!(of("("), RedactionError::Pattern { pattern, .. } if pattern == "("));
    assert!(matches!(of("a{1000}{1000}{1000}"), RedactionError::Pattern { .. }));
    for useless in ["", "x*", &"y".repeat(5000)] {
        assert!(matches!(of(useless), RedactionError::Useless { .. }), "{useless}");
    }
    let many = Redactions { environment: vec!["A".to_owned(); 257], ..Redactions::default() };
    assert!(matches!(Redactor::new(&many), Err(RedactionError::TooMany { found: 257 })));
}

proptest! {
    /// Scenario: words of any bytes around a secret. Guarantees: redaction never panics, and the secret is gone from wherever it stands.
    #[test]
    fn the_secret_goes_wherever_it_stands(
        around in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..8), 1..6),
        at in any::<prop::sample::Index>(),
    ) {
        let one = redactor(&["hunter2", "n.*2"], &["h*"], true);
        let mut words = around;
        let index = at.index(words.len());
        let inside = words[index].len() / 2;
        words[index].splice(inside..inside, b"hunter2".iter().copied());
        one.words(words.iter_mut().collect());
        prop_assert!(words.iter().all(|word| !contains(word, "hunter2")));
        one.variable(&mut words[0]);
    }
}
