//! Measures functions one after the other, in rounds, so that a slow moment of the machine meets
//! all of them.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    aws::Aws,
    cpu::Share,
    function::{Function, Runtime},
};

/// What to measure.
#[derive(Debug, Deserialize)]
pub(crate) struct Plan {
    cases: Vec<Case>,
}

/// One function under one condition.
#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    program: PathBuf,
    #[serde(default)]
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    /// One event a line; each is used once.
    events: PathBuf,
    /// How often it is started.
    rounds: usize,
    /// How many events it gets after the first, each time it is started.
    warm: usize,
    /// Which part of a CPU its invocations have; all of it when absent.
    share: Option<f64>,
}

/// What was measured of a case: milliseconds and kilobytes, one number for each start, or for
/// each event after the first.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    name: String,
    init_ms: Vec<f64>,
    connect_ms: Vec<f64>,
    cold_ms: Vec<f64>,
    warm_ms: Vec<f64>,
    init_cpu_ms: Vec<f64>,
    first_cpu_ms: Vec<f64>,
    warm_cpu_ms: Vec<f64>,
    rss_kb: Vec<u64>,
    /// AWS round trips of the last event: one after the other, and in all.
    sequential: Option<u64>,
    calls: Option<u64>,
    /// What the last event's calls are billed as.
    usage: BTreeMap<String, f64>,
}

/// Measures all cases and prints what was found, as JSON.
pub(crate) fn run(aws: &Aws, plan: &str) -> Result<()> {
    let plan: Plan = serde_json::from_str(plan).context("reading the plan")?;
    let runtime = Runtime::start()?;
    let mut found: Vec<_> = plan
        .cases
        .iter()
        .map(|case| Found { name: case.name.clone(), ..Found::default() })
        .collect();
    let mut events = Vec::new();
    let mut shares = Vec::new();
    for (n, case) in plan.cases.iter().enumerate() {
        let read = fs::read_to_string(&case.events)?;
        events.push(read.lines().map(str::to_owned).collect::<Vec<_>>().into_iter());
        shares.push(case.share.map(|share| Share::new(n, share)).transpose()?);
    }
    let rounds = plan.cases.iter().map(|case| case.rounds).max().unwrap_or(0);
    for round in 0..rounds {
        eprint!("\r  round {} of {rounds} ", round + 1);
        for (n, case) in plan.cases.iter().enumerate().filter(|(_, case)| round < case.rounds) {
            let (Some(found), Some(events)) = (found.get_mut(n), events.get_mut(n)) else {
                continue;
            };
            let share = shares.get(n).and_then(Option::as_ref);
            start(aws, &runtime, case, share, events, found)
                .with_context(|| format!("measuring {}", case.name))?;
        }
    }
    eprintln!();
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}

fn start(
    aws: &Aws,
    runtime: &Runtime,
    case: &Case,
    share: Option<&Share>,
    events: &mut impl Iterator<Item = String>,
    found: &mut Found,
) -> Result<()> {
    let mut command = Command::new(&case.program);
    command.args(&case.arguments).env_clear().envs(aws.variables.iter().cloned());
    command.envs(&case.environment);
    aws.opened();
    let mut function = runtime.boot(command)?;
    let init = function.polled - function.since;
    // Connecting is the last that a function does before it polls.
    let connecting = aws.opened().into_iter().min();
    let connecting = connecting.map_or(Duration::ZERO, |from| function.polled - from);
    let booted = function.cpu_time()?;
    if let Some(share) = share {
        share.hold(function.id())?;
    }
    let mut next = || events.next().context("no event is left");
    let first = function.invoke(&next()?)?;
    let answered = function.cpu_time()?;
    let mut before = answered;
    for n in 0..case.warm {
        aws.used();
        let took = function.invoke(&next()?)?;
        let now = function.cpu_time()?;
        // The first event after the cold one still pays for something that is done once.
        if n > 0 || case.warm == 1 {
            found.warm_ms.push(milliseconds(took));
            found.warm_cpu_ms.push(milliseconds(now.saturating_sub(before)));
        }
        before = now;
    }
    found.usage = aws.used();
    found.init_ms.push(milliseconds(init));
    found.connect_ms.push(milliseconds(connecting));
    found.cold_ms.push(milliseconds(init + first));
    found.init_cpu_ms.push(milliseconds(booted));
    found.first_cpu_ms.push(milliseconds(answered.saturating_sub(booted)));
    found.rss_kb.push(function.peak_memory()?);
    count(&function, found)
}

/// Takes the round trips from the function's own log.
fn count(function: &Function<'_>, found: &mut Found) -> Result<()> {
    let lines = function.logged()?;
    let lines = lines.iter().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    if let Some(line) = lines.into_iter().find(|line| line.get("awsCalls").is_some()) {
        found.calls = line["awsCalls"].as_u64();
        found.sequential = line["awsSequential"].as_u64();
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
