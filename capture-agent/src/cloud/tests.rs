//! Against servers on loopback that speak as each cloud does, and as none should.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;

/// What a server does with a request, given as its head in lower case.
type Serve = dyn Fn(&str) -> Reply + Send + Sync;

/// The same whatever it is asked.
type Answering = dyn Fn() -> Reply + Send + Sync;

/// What a server does.
enum Reply {
    /// Status, headers beside the length, and body.
    Answer(u16, &'static str, String),
    /// Exactly these bytes, and then the end.
    Raw(Vec<u8>),
    /// A body that never ends.
    Endless,
    /// Nothing.
    Silence,
}

/// A server that ends with the test.
struct Server {
    url: MetadataUrl,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(serve: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let serve: Arc<Serve> = Arc::new(serve);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(one(stream, Arc::clone(&serve)));
            }
        });
        Self { url, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one request.
async fn one(mut stream: TcpStream, serve: Arc<Serve>) {
    let mut head = Vec::new();
    let mut piece = [0; 1_024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece).await {
            Ok(count) if count > 0 => head.extend_from_slice(&piece[..count]),
            _ => return,
        }
    }
    let bytes = match serve(&String::from_utf8(head).unwrap().to_lowercase()) {
        Reply::Answer(status, headers, body) => {
            let length = body.len();
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
        }
        Reply::Raw(bytes) => bytes,
        Reply::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b' '; 4_096]).await.is_ok() {}
            return;
        }
        Reply::Silence => std::future::pending().await,
    };
    let _ = stream.write_all(&bytes).await;
}

fn ok(body: &str) -> Reply {
    Reply::Answer(200, "", body.to_owned())
}

fn refused(status: u16) -> Reply {
    Reply::Answer(status, "", "refused".to_owned())
}

/// EC2 with tokens required.
fn aws(head: &str, has_tags: bool) -> Reply {
    if head.starts_with("put /latest/api/token http/1.1") {
        let has_ttl = head.contains("x-aws-ec2-metadata-token-ttl-seconds: 60\r\n");
        return if has_ttl { ok("tok-1==") } else { refused(400) };
    }
    if !head.contains("x-aws-ec2-metadata-token: tok-1==\r\n") {
        return refused(401);
    }
    match head.split(' ').nth(1).unwrap() {
        "/latest/dynamic/instance-identity/document" => ok(
            r#"{"accountId":"123456789012","architecture":"x86_64","availabilityZone":"eu-central-1a","billingProducts":null,
            "imageId":"ami-1","instanceId":"i-0abc","instanceType":"m5.large","region":"eu-central-1","version":"2017-09-30"}"#,
        ),
        "/latest/meta-data/tags/instance" if has_tags => ok("name\n../../evil\nteam:a"),
        "/latest/meta-data/tags/instance/name" => ok("web"),
        "/latest/meta-data/tags/instance/team:a" => ok("blue"),
        _ => refused(404),
    }
}

fn gcp(head: &str) -> Reply {
    if !head.contains("metadata-flavor: google\r\n") {
        return refused(403);
    }
    let body = match head.split(' ').nth(1).unwrap() {
        "/computemetadata/v1/project/project-id" => "shop-prod",
        "/computemetadata/v1/instance/id" => "4520031799277581759",
        "/computemetadata/v1/instance/zone" => "projects/1/zones/europe-west3-c",
        "/computemetadata/v1/instance/machine-type" => "projects/1/machineTypes/e2-medium",
        "/computemetadata/v1/instance/tags" => r#"["http-server","gke"]"#,
        _ => return refused(404),
    };
    Reply::Answer(200, "metadata-flavor: Google\r\n", body.to_owned())
}

fn azure(head: &str) -> Reply {
    if !head.contains("metadata: true\r\n") || head.contains("x-forwarded-for") {
        return refused(400);
    }
    if !head.starts_with("get /metadata/instance/compute?api-version=2021-02-01 ") {
        return refused(400);
    }
    ok(
        r#"{"location":"westeurope","zone":"2","subscriptionId":"sub-1","vmId":"vm-1","vmSize":"Standard_D2s_v5","name":"n",
        "tagsList":[{"name":"env","value":"prod"}],
        "storageProfile":{"imageReference":{"id":"","publisher":"Debian","offer":"debian-12","sku":"12","version":"latest"}}}"#,
    )
}

fn openstack(head: &str) -> Reply {
    match head.split(' ').nth(1).unwrap() {
        "/openstack/latest/meta_data.json" => ok(
            r#"{"uuid":"u-1","name":"vm","availability_zone":"nova","project_id":"p-1","meta":{"role":"db","count":3},"keys":[]}"#,
        ),
        "/latest/meta-data/instance-type" => ok("m1.small"),
        _ => refused(404),
    }
}

fn instance(texts: [&str; 7], tags: &[(&str, &str)]) -> CloudInstance {
    let [provider, account, region, zone, instance_id, instance_type, image_id] = texts.map(str::to_owned);
    let tags = tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    CloudInstance { provider, account, region, zone, instance_id, instance_type, tags, image_id }
}

/// Scenario: each cloud, with what it insists on: tokens, flavours, headers, versions. Guarantees: all that it tells has its place.
#[tokio::test]
async fn each_cloud_is_understood() {
    let ec2 = ["aws", "123456789012", "eu-central-1", "eu-central-1a", "i-0abc", "m5.large", "ami-1"];
    let server = Server::start(|head| aws(head, true)).await;
    let found = attempt(Provider::Aws, &server.url, None).await.unwrap();
    assert_eq!(found, instance(ec2, &[("name", "web"), ("team:a", "blue")]));
    let server = Server::start(|head| aws(head, false)).await;
    assert_eq!(attempt(Provider::Aws, &server.url, None).await.unwrap(), instance(ec2, &[]));
    let server = Server::start(gcp).await;
    let texts =
        ["gcp", "shop-prod", "europe-west3", "europe-west3-c", "4520031799277581759", "e2-medium", ""];
    let found = attempt(Provider::Gcp, &server.url, None).await.unwrap();
    assert_eq!(found, instance(texts, &[("http-server", ""), ("gke", "")]));
    let server = Server::start(azure).await;
    let texts =
        ["azure", "sub-1", "westeurope", "2", "vm-1", "Standard_D2s_v5", "Debian:debian-12:12:latest"];
    assert_eq!(
        attempt(Provider::Azure, &server.url, None).await.unwrap(),
        instance(texts, &[("env", "prod")])
    );
    let server = Server::start(openstack).await;
    let texts = ["openstack", "p-1", "", "nova", "u-1", "m1.small", ""];
    let found = attempt(Provider::Openstack, &server.url, None).await.unwrap();
    assert_eq!(found, instance(texts, &[("count", "3"), ("role", "db")]));
}

/// Scenario: EC2 has told of an instance with its tags, and later fails where tags are asked for; then it says that there are none.
/// Guarantees: what it fails to say is as it was, what it says counts.
#[tokio::test]
async fn what_fails_for_a_moment_is_as_it_was() {
    let server = Server::start(|head| aws(head, true)).await;
    let known = attempt(Provider::Aws, &server.url, None).await.unwrap();
    let fails_at_tags = |head: &str| match head.contains("/tags/") {
        true => refused(500),
        false => aws(head, true),
    };
    let server = Server::start(fails_at_tags).await;
    assert_eq!(attempt(Provider::Aws, &server.url, Some(&known)).await.unwrap(), known);
    assert!(attempt(Provider::Aws, &server.url, None).await.unwrap().tags.is_empty());
    let server = Server::start(|head| aws(head, false)).await;
    assert!(attempt(Provider::Aws, &server.url, Some(&known)).await.unwrap().tags.is_empty());
}

/// Scenario: every cloud's service answers with another's words, garbage, half an answer, a redirect, a refusal, an answer without end, and not at all. Guarantees:
/// an error that says where and what, in bounded time; a redirect is not followed.
#[tokio::test]
async fn answers_that_are_none_are_errors() {
    let elsewhere = Server::start(|_| panic!("a redirect was followed")).await;
    let redirect = format!("HTTP/1.1 302 X\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n", elsewhere.url);
    let replies: [(&str, Box<Answering>); 8] = [
        ("not what this cloud says", Box::new(|| ok("<html>hello</html>"))),
        (
            "not what this cloud says",
            Box::new(|| Reply::Answer(200, "metadata-flavor: Google\r\n", String::new())),
        ),
        ("failed", Box::new(|| Reply::Raw(b"SSH-2.0-OpenSSH_9\r\n".to_vec()))),
        ("failed", Box::new(|| Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec()))),
        ("302", Box::new(move || Reply::Raw(redirect.clone().into_bytes()))),
        ("switched off", Box::new(|| refused(403))),
        ("more than 65536 bytes", Box::new(|| Reply::Endless)),
        ("failed", Box::new(|| Reply::Raw([&b"HTTP/1.1 200 OK\r\nx: "[..], &[b'x'; 100_000]].concat()))),
    ];
    for (expected, reply) in replies {
        let server = Server::start(move |_| reply()).await;
        for provider in [Provider::Aws, Provider::Gcp, Provider::Azure, Provider::Openstack] {
            let error = attempt(provider, &server.url, None).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{provider:?}: '{error}' does not say '{expected}'");
            assert!(error.contains(&server.url.to_string()), "{error}");
        }
    }
}

/// Scenario: a service that takes connections and says nothing, one whose port is closed. Guarantees: an attempt ends when its time is over, or at
/// once, and says which.
#[tokio::test]
async fn silence_ends() {
    let server = Server::start(|_| Reply::Silence).await;
    let error = attempt(Provider::Azure, &server.url, None).await.unwrap_err();
    assert!(matches!(error, CloudError::Silent { .. }), "{error}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let error = attempt(Provider::Aws, &url, None).await.unwrap_err();
    assert!(matches!(error, CloudError::Connect { .. }), "{error}");
}

/// Scenario: a service that gives tokens which it does not take, and one that refuses to give any. Guarantees: neither is asked without a token.
#[tokio::test]
async fn version_one_is_never_used() {
    let server =
        Server::start(|head| if head.starts_with("put ") { ok("another") } else { aws(head, true) }).await;
    let error = attempt(Provider::Aws, &server.url, None).await.unwrap_err().to_string();
    assert!(error.contains("401"), "{error}");
    let server = Server::start(|head| {
        assert!(head.starts_with("put "), "asked without a token: {head}");
        refused(403)
    })
    .await;
    assert!(attempt(Provider::Aws, &server.url, None).await.unwrap_err().to_string().contains("403"));
}

/// Scenario: the task with a cloud that fails first and then answers; one on a host without a cloud, and one that is switched off. Guarantees: the first
/// failure is told, so that nobody waits on; the answer is told once, whole; a host without a cloud asks nobody.
#[tokio::test]
async fn what_is_learned_is_told_once() {
    let fails = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let asked = Arc::clone(&fails);
    let server = Server::start(move |head| {
        if asked.load(std::sync::atomic::Ordering::SeqCst) { refused(500) } else { azure(head) }
    })
    .await;
    let config =
        CloudConfig { choice: CloudChoice::Azure, url: server.url.clone(), ..CloudConfig::default() };
    assert!(config.is_asked());
    let (news, stop) = (Arc::new(CloudNews::default()), CancellationToken::new());
    let run = tokio::spawn({
        let (news, stop) = (Arc::clone(&news), stop.clone());
        async move { run_with(&config, &news, stop, Duration::from_millis(1)).await }
    });
    let told = async |news: &CloudNews| {
        let mut host = Host::default();
        while !news.take(&mut host) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        host
    };
    let first = told(&news).await;
    assert_eq!(
        (first.completeness(), first.cloud, first.provenance),
        (Completeness::FinalPartial, None, vec![])
    );
    fails.store(false, std::sync::atomic::Ordering::SeqCst);
    let second = told(&news).await;
    assert_eq!(
        (second.completeness(), second.cloud.unwrap().provider),
        (Completeness::Complete, "azure".to_owned())
    );
    assert_eq!(second.provenance[0].source, "azure-imds");
    assert!(!news.take(&mut Host::default()));
    stop.cancel();
    run.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for choice in [CloudChoice::Auto, CloudChoice::Off] {
        let config = CloudConfig { choice, url: server.url.clone(), dmi: folder.path().to_owned() };
        assert!(!config.is_asked());
        super::run(&config, &news, CancellationToken::new()).await;
    }
}

/// Scenario: attempt after attempt fails. Guarantees: pauses double up to five minutes, and are an hour from then on.
#[test]
fn pauses_grow_and_end() {
    let mut pause = FIRST_PAUSE;
    let pauses: Vec<u64> = (0..10).map(|_| next_pause(&mut pause).as_secs()).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 3_600, 3_600, 3_600]);
}

/// Scenario: a cloud that says too much. Guarantees: tags are as many as may be, and texts are cut at a letter.
#[test]
fn what_a_cloud_says_is_bounded() {
    let tags = (0..1_000).map(|number| (format!("{number:04}"), "ä".repeat(MAX_TEXT_BYTES))).collect();
    let large = CloudInstance { tags, zone: "z".repeat(MAX_TEXT_BYTES * 2), ..CloudInstance::default() };
    let kept = within_bounds(large);
    assert_eq!((kept.tags.len(), kept.zone.len()), (MAX_TAGS, MAX_TEXT_BYTES));
    assert!(kept.tags.values().all(|value| value.len() == MAX_TEXT_BYTES));
}

/// Scenario: addresses as an operator may write them. Guarantees: plain HTTP to a host, and an error that shows what was found for the rest.
#[test]
fn addresses_are_checked() {
    let parse = |text: &str| text.parse::<MetadataUrl>().map(|url| url.to_string());
    for fine in ["http://169.254.169.254", "http://[fd00:ec2::254]", "http://127.0.0.1:8080"] {
        assert_eq!(parse(fine).as_deref(), Ok(fine));
    }
    assert_eq!(parse("http://host/").as_deref(), Ok("http://host"));
    for wrong in ["https://a", "a", "http://", "http://a/path", "http://a?q", "http://u@a", "unix:/a", ""] {
        assert!(parse(wrong).unwrap_err().to_string().contains(wrong), "{wrong}");
    }
}
