//! `eyrie hosts`: who is connected, how fast, with what losses; and what else is known of them, if somebody knows it.

mod known;

use std::process::ExitCode;

use comfy_table::{Cell, CellAlignment, Table, presets};
use eyrie_proto::capture::{
    AgentInfo, Host, ListHostsRequest, LossTotal, host_service_client::HostServiceClient,
};
use eyrie_proto::event::{EventClass, LossPlace, LossReason};
use eyrie_proto::metadata::ListedEntity;
use owo_colors::OwoColorize as _;
use serde_json::{Value, json};

use self::known::Known;
use crate::{
    alert_view::printable,
    args::{HostsArguments, Output},
    client,
    known::{host_json, host_of},
    moment::rfc3339 as time,
};

/// Carries out `eyrie hosts`.
pub(crate) async fn run(arguments: HostsArguments) -> anyhow::Result<ExitCode> {
    let channel = client::connect(&arguments.engine).await?;
    let request = ListHostsRequest { include_disconnected: arguments.all };
    let response = HostServiceClient::new(channel)
        .list_hosts(request)
        .await
        .map_err(|status| client::refusal(&status))?
        .into_inner();
    let is_json = arguments.engine.json || arguments.output == Some(Output::Json);
    let known = match is_json || arguments.output == Some(Output::Wide) {
        true if !response.hosts.is_empty() => known::of(&arguments, &response.hosts).await,
        _ => Known::new(),
    };
    if is_json {
        response.hosts.iter().for_each(|host| println!("{}", to_json(host, &known)));
    } else if response.hosts.is_empty() {
        println!("no host is connected to {}", arguments.engine.engine);
    } else {
        let known = (arguments.output == Some(Output::Wide)).then_some(&known);
        print(&table(&response.hosts, known));
    }
    Ok(ExitCode::SUCCESS)
}

/// Without blanks at the ends of lines.
fn print(table: &Table) {
    for (number, line) in table.to_string().lines().map(str::trim).enumerate() {
        match number {
            0 => anstream::println!("{}", line.bold()),
            _ => anstream::println!("{line}"),
        }
    }
}

const COLUMNS: [&str; 10] =
    ["HOST", "STATE", "EVENTS/S", "EVENTS", "ALERTS", "PROCESSES", "LOST", "UNACKED", "SINCE", "ORIGIN"];
const WIDE_COLUMNS: [&str; 5] = ["SYSTEM", "KERNEL", "ARCH", "CLOUD", "LABELS"];

/// With the columns of `-o wide` if there is something to fill them with.
fn table(hosts: &[Host], known: Option<&Known>) -> Table {
    let mut table = Table::new();
    let wide = known.map_or(&[][..], |_| &WIDE_COLUMNS);
    table.load_preset(presets::NOTHING).set_header(COLUMNS.iter().chain(wide));
    for host in hosts {
        let agent = host.agent.clone().unwrap_or_default();
        let unacked = host.received_through_sequence.saturating_sub(host.acked_through_sequence);
        let mut row = vec![
            Cell::new(printable(agent.hostname.as_bytes())),
            Cell::new(if host.is_connected { "connected" } else { "gone" }),
            number(format!("{:.0}", host.events_per_second)),
            number(host.received_events),
            number(host.alerts),
            number(host.process_count),
            Cell::new(losses_text(&host.losses)),
            number(unacked),
            Cell::new(time(host.connected_since_ns)),
            Cell::new(origin(host)),
        ];
        if let Some(known) = known {
            row.extend(
                wide_cells(&agent, known.get(&origin(host)))
                    .map(|text| Cell::new(printable(text.as_bytes()))),
            );
        }
        table.add_row(row);
    }
    table
}

/// What the agent itself told its engine stands in for what is not known.
fn wide_cells(agent: &AgentInfo, listed: Option<&ListedEntity>) -> [String; 5] {
    let host = listed.and_then(host_of).cloned().unwrap_or_default();
    let or = |text: String, other: &str| match (&*text, other) {
        ("", "") => "<unknown>".to_owned(),
        ("", other) => other.to_owned(),
        _ => text,
    };
    let cloud = host.cloud.map(|cloud| [cloud.provider, cloud.region, cloud.instance_id]);
    let cloud = cloud.unwrap_or_default().into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let labels = if host.labels.is_empty() { agent.labels.clone() } else { host.labels };
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let no_cloud = if listed.is_some() { "<none>" } else { "" };
    [
        or(host.operating_system, ""),
        or(host.kernel_release, &agent.kernel_release),
        or(host.architecture, &agent.architecture),
        or(cloud.join("/"), no_cloud),
        or(labels.join(","), "<none>"),
    ]
}

fn origin(host: &Host) -> String {
    host.origin.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn number(value: impl ToString) -> Cell {
    Cell::new(value.to_string()).set_alignment(CellAlignment::Right)
}

fn losses_text(losses: &[LossTotal]) -> String {
    if losses.is_empty() {
        return "none".to_owned();
    }
    let why =
        |loss: &LossTotal| if loss.reason() == LossReason::Degraded { " by its CPU budget" } else { "" };
    let text = |loss: &LossTotal| format!("{} {} at {}{}", loss.count, class(loss), place(loss), why(loss));
    losses.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn place(loss: &LossTotal) -> &'static str {
    match loss.place() {
        LossPlace::Unspecified => "an unknown place",
        LossPlace::Ring => "ring",
        LossPlace::AgentQueue => "agent queue",
        LossPlace::Spool => "spool",
        LossPlace::Network => "network",
        LossPlace::Engine => "engine",
    }
}

fn class(loss: &LossTotal) -> &'static str {
    match loss.event_class() {
        EventClass::Unspecified => "unknown",
        EventClass::Plain => "plain",
        EventClass::StateBearing => "state-bearing",
    }
}

fn to_json(host: &Host, known: &Known) -> Value {
    let agent = host.agent.clone().unwrap_or_default();
    let losses: Vec<Value> = host
        .losses
        .iter()
        .map(|loss| {
            json!({
                "place": place(loss),
                "class": class(loss),
                "reason": loss.reason().as_str_name(),
                "count": loss.count,
                "last": time(loss.last_ns),
            })
        })
        .collect();
    let missing: Vec<Value> = agent
        .missing_abilities
        .iter()
        .map(|ability| json!({ "name": ability.name, "reason": ability.reason, "consequence": ability.consequence }))
        .collect();
    let plan = host.plan.clone().unwrap_or_default();
    let uncaptured: Vec<Value> = plan
        .uncaptured
        .iter()
        .map(|call| json!({ "event_type": call.event_type, "reason": call.reason }))
        .collect();
    let unresolvable: Vec<Value> = plan
        .unresolvable_names
        .iter()
        .map(|unresolvable| json!({ "name": unresolvable.name, "reason": unresolvable.reason }))
        .collect();
    json!({
        "hostname": agent.hostname,
        "origin": host.origin.as_ref().map(ToString::to_string),
        "connected": host.is_connected,
        "connected_since": time(host.connected_since_ns),
        "peer": host.peer,
        "agent_version": agent.version,
        "architecture": agent.architecture,
        "kernel_release": agent.kernel_release,
        "labels": agent.labels,
        "missing_abilities": missing,
        "plan_generation": plan.generation,
        "uncaptured": uncaptured,
        "unresolvable_names": unresolvable,
        "events": host.received_events,
        "events_per_second": host.events_per_second,
        "last_event": time(host.last_event_ns),
        "alerts": host.alerts,
        "processes": host.process_count,
        "received_through_sequence": host.received_through_sequence,
        "acked_through_sequence": host.acked_through_sequence,
        "rule_set_digest": host.rule_set_digest,
        "losses": losses,
        "metadata": known.get(&origin(host)).map(host_json),
    })
}
