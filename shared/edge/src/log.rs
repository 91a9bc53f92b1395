//! One JSON line per request: ids, codes and counts, nothing that anybody sent (I6).

use serde::Serialize;
use store::trips;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    level: &'static str,
    operation: &'a str,
    request_id: &'a str,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a str>,
    duration_ms: f64,
    aws_calls: u32,
    aws_sequential: u32,
    cold_keys: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<u32>,
}

/// What came of one invocation.
pub(crate) struct Invocation<'a> {
    pub(crate) operation: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) status: Option<u16>,
    pub(crate) fault: Option<&'a str>,
    pub(crate) since: std::time::Instant,
    /// How often the request was decided, where it was.
    pub(crate) decisions: Option<u32>,
}

pub(crate) fn write(what: &Invocation<'_>) {
    let trips = trips::counted();
    let line = Line {
        level: if what.fault.is_some() { "ERROR" } else { "INFO" },
        operation: what.operation,
        request_id: what.request_id,
        outcome: what.outcome,
        status: what.status,
        fault: what.fault,
        duration_ms: what.since.elapsed().as_secs_f64() * 1000.0,
        aws_calls: trips.total,
        aws_sequential: trips.sequential,
        cold_keys: trips.cold_keys,
        decisions: what.decisions,
    };
    println!("{}", serde_json::to_string(&line).unwrap_or_default());
}
