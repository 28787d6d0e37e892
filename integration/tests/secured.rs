//! The programs with certificates, as they run between machines.

use std::{path::Path, process::Command};

use integration::{
    eventually,
    program::Program,
    scene::{RULE, Scene},
};
use test_certificates::{Authority, Issued};
use test_requirements::{Requirement, requires};

/// Flags that name files of TLS; `prefix` is "" or "metadata-".
fn flags(prefix: &str, ca: (&str, &Path), own: &Issued) -> Vec<String> {
    let path = |path: &Path| path.display().to_string();
    let named = [(ca.0, ca.1), ("tls-cert", &own.certificate), ("tls-key", &own.key)];
    named.map(|(name, file)| format!("--{prefix}{name}={}", path(file))).into()
}

fn borrowed(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

fn machine_id() -> anyhow::Result<String> {
    Ok(std::fs::read_to_string("/etc/machine-id")?.trim().to_owned())
}

/// Scenario: metadata service, engine and agent with certificates of one authority, and an operator's `eyrie alerts`; the scene's
/// secret is read. Before that an agent with another host's certificate tries. Guarantees: the alert reaches the operator by TLS all
/// the way; the wrong agent is told what is wrong with its certificate, and its events come to nothing.
#[tokio::test]
async fn an_alert_comes_by_tls_all_the_way() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let authority = Authority::new(scene.folder(), "ca");
    let id = |role: &str| format!("spiffe://test/eyrie/{role}");
    let server = authority.server("server");
    let engine_client = authority.client("engine-client", &[&id("engine")]);
    let agent = authority.client("agent", &[&id(&format!("agent/host/{}", machine_id()?))]);
    let stranger = authority.client("stranger", &[&id("agent/host/ffffffffffffffffffffffffffffffff")]);
    let operator = authority.client("operator", &[&id("operator")]);

    let as_server = flags("", ("tls-client-ca", authority.file()), &server);
    let as_client = |own| flags("", ("tls-ca", authority.file()), own);
    let mut metadata = scene.metadata(&borrowed(&as_server))?;
    metadata.wait_for_log("takes connections")?;
    let mut of_engine = as_server.clone();
    of_engine.push(format!("--metadata={}", scene.metadata_tls_url()));
    of_engine.extend(flags("metadata-", ("tls-ca", authority.file()), &engine_client));
    let mut engine = scene.engine_with(&borrowed(&of_engine))?;
    engine.wait_for_log("takes connections")?;

    let mut wrong = scene.agent_to(&scene.tls_url(), &borrowed(&as_client(&stranger)))?;
    wrong.wait_for_log("its certificate must name the host and tenant that Hello claims")?;
    wrong.kill()?;
    let mut right = scene.agent_to(&scene.tls_url(), &borrowed(&as_client(&agent)))?;
    engine.wait_for_log("a capture session began")?;

    let url = scene.tls_url();
    let mut arguments = vec!["alerts".to_owned(), "--follow".to_owned(), "--json".to_owned()];
    arguments.extend([format!("--engine={url}"), "--since=1h".to_owned()]);
    arguments.extend(as_client(&operator));
    let alerts = Program::start("eyrie", &arguments, scene.folder())?;
    let alert = eventually(|| {
        // Until the plan has reached the agent nothing is seen of it.
        Command::new("cat").arg(scene.secret()).output()?;
        let lines = alerts.output_lines()?;
        Ok(lines.into_iter().find(|line| line.contains(RULE)))
    })
    .await?;
    assert!(alert.contains(&machine_id()?), "{alert}");
    assert_eq!(engine.log_text().matches("a capture session began").count(), 1);

    assert!(right.terminate()?.success());
    assert!(engine.terminate()?.success());
    assert!(metadata.terminate()?.success());
    Ok(())
}
