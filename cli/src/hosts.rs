//! `eyrie hosts`: who is connected, how fast, with what losses.

use std::process::ExitCode;

use comfy_table::{Cell, CellAlignment, Table, presets};
use eyrie_proto::capture::{Host, ListHostsRequest, LossTotal, host_service_client::HostServiceClient};
use eyrie_proto::event::{EventClass, LossPlace, LossReason};
use serde_json::{Value, json};

use crate::{args::HostsArguments, client};

/// Carries out `eyrie hosts`.
pub(crate) async fn run(arguments: HostsArguments) -> anyhow::Result<ExitCode> {
    let channel = client::connect(&arguments.engine).await?;
    let request = ListHostsRequest { include_disconnected: arguments.all };
    let response = HostServiceClient::new(channel)
        .list_hosts(request)
        .await
        .map_err(|status| client::refusal(&status))?
        .into_inner();
    if arguments.engine.json {
        response.hosts.iter().for_each(|host| println!("{}", to_json(host)));
    } else if response.hosts.is_empty() {
        println!("no host is connected to {}", arguments.engine.engine);
    } else {
        anstream::println!("{}", table(&response.hosts));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(hosts: &[Host]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header([
        "HOST",
        "STATE",
        "EVENTS/S",
        "EVENTS",
        "ALERTS",
        "PROCESSES",
        "LOST",
        "UNACKED",
        "SINCE",
        "ORIGIN",
    ]);
    for host in hosts {
        let agent = host.agent.clone().unwrap_or_default();
        let unacked = host.received_through_sequence.saturating_sub(host.acked_through_sequence);
        table.add_row([
            Cell::new(agent.hostname),
            Cell::new(if host.is_connected { "connected" } else { "gone" }),
            number(format!("{:.0}", host.events_per_second)),
            number(host.received_events),
            number(host.alerts),
            number(host.process_count),
            Cell::new(losses_text(&host.losses)),
            number(unacked),
            Cell::new(time(host.connected_since_ns)),
            Cell::new(host.origin.as_ref().map(ToString::to_string).unwrap_or_default()),
        ]);
    }
    table
}

fn number(value: impl ToString) -> Cell {
    Cell::new(value.to_string()).set_alignment(CellAlignment::Right)
}

fn time(epoch_ns: u64) -> String {
    jiff::Timestamp::from_nanosecond(epoch_ns.into())
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
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

fn to_json(host: &Host) -> Value {
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
    })
}
