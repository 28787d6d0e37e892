//! `eyrie recordings`: what an engine has recorded because rules asked for it.

mod get;
mod table;

use std::{io::Write as _, process::ExitCode};

use eyrie_proto::recording::{
    DeleteRecordingRequest, ListRecordingsRequest, Recording, RecordingEnd, RecordingState,
    recording_service_client::RecordingServiceClient,
};
use jiff::Zoned;
use owo_colors::OwoColorize as _;
use serde_json::{Value, json};
use tonic::transport::Channel;

use self::table::Rows;
use crate::{
    args::{EngineArguments, RecordingsCommand, RecordingsDeleteArguments, RecordingsListArguments},
    client, moment,
};

/// Carries out `eyrie recordings`.
pub(crate) async fn run(command: RecordingsCommand) -> anyhow::Result<ExitCode> {
    match command {
        RecordingsCommand::List(arguments) => list(arguments).await,
        RecordingsCommand::Get(arguments) => get::run(arguments).await,
        RecordingsCommand::Delete(arguments) => delete(arguments).await,
    }
}

async fn connect(engine: &EngineArguments) -> anyhow::Result<RecordingServiceClient<Channel>> {
    Ok(RecordingServiceClient::new(client::connect(engine).await?))
}

async fn list(arguments: RecordingsListArguments) -> anyhow::Result<ExitCode> {
    let now = Zoned::now();
    let since = arguments.since.as_deref().map(|since| moment::parse(since, &now)).transpose()?;
    let mut client = connect(&arguments.engine).await?;
    let mut request = ListRecordingsRequest {
        hosts: arguments.host,
        rules: arguments.rule,
        since_ns: since.unwrap_or(0),
        ..ListRecordingsRequest::default()
    };
    let mut rows = Rows::new(moment::epoch_ns(now.timestamp()));
    loop {
        let listed = client.list_recordings(request.clone()).await;
        let page = listed.map_err(|status| client::refusal(&status))?.into_inner();
        for recording in &page.recordings {
            match arguments.engine.json {
                true => writeln!(std::io::stdout().lock(), "{}", to_json(recording))?,
                false => rows.add(recording)?,
            }
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    if !arguments.engine.json {
        match rows.is_empty() {
            true => println!("{} has no such recording", arguments.engine.engine),
            false => rows.write(&mut anstream::stdout().lock())?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Goes on with the others where one cannot be removed.
async fn delete(arguments: RecordingsDeleteArguments) -> anyhow::Result<ExitCode> {
    let mut client = connect(&arguments.engine).await?;
    let mut code = ExitCode::SUCCESS;
    for id in arguments.ids {
        match client.delete_recording(DeleteRecordingRequest { id: id.clone() }).await {
            Ok(_) if arguments.engine.json => println!("{}", json!({ "id": id, "deleted": true })),
            Ok(_) => println!("{id} is deleted"),
            Err(status) => {
                anstream::eprintln!("{} {:#}", "error:".red(), client::refusal(&status));
                code = crate::main_failure();
            }
        }
    }
    Ok(code)
}

/// How it stands, in a word.
fn state(recording: &Recording) -> &'static str {
    match (recording.state(), recording.end()) {
        (RecordingState::Running, _) => "running",
        (RecordingState::Cut, _) => "cut",
        (_, RecordingEnd::Budget) => "budget",
        (_, RecordingEnd::Stream) => "stream ended",
        (RecordingState::Finished | RecordingState::Unspecified, _) => "complete",
    }
}

fn to_json(recording: &Recording) -> Value {
    let trigger = |trigger: &eyrie_proto::recording::RecordingTrigger| {
        json!({
            "alert_id": trigger.alert_id,
            "rule": trigger.rule,
            "time": moment::known(trigger.time_ns),
            "before_ms": trigger.before_ms,
            "after_ms": trigger.after_ms,
        })
    };
    json!({
        "id": recording.id,
        "origin": recording.origin.as_ref().map(ToString::to_string),
        "hostname": recording.hostname,
        "triggers": recording.triggers.iter().map(trigger).collect::<Vec<_>>(),
        "created": moment::known(recording.created_ns),
        "state": state(recording),
        "message": recording.message,
        "events": recording.event_count,
        "bytes": recording.size_bytes,
        "first_event": moment::known(recording.first_event_ns),
        "last_event": moment::known(recording.last_event_ns),
        "format": recording.format,
    })
}
