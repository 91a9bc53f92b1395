//! Prints signed-in users of each role on a running stack, as JSON: for tools that call the API.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use serde_json::{Value, json};
use testkit::{Hospital, Outcome, Patient, Stack, cast::reading, ended};

/// Signs a patient, a doctor with a grant and a hospital's admin in.
#[derive(Parser)]
struct Args {
    /// The stack.json of the running stack.
    #[arg(long)]
    stack: PathBuf,
}

fn main() -> ExitCode {
    ended(signed_in(&Args::parse()).map(|cast| {
        println!("{cast:#}");
        ExitCode::SUCCESS
    }))
}

fn signed_in(args: &Args) -> Outcome<Value> {
    let stack = Stack::read(&args.stack)?;
    let patient = Patient::join(&stack, "Ana Lima")?;
    let record =
        patient.note(&stack, "lab-report", "2026-01-31", "Blood count", "Haemoglobin 13.9 g/dL")?;
    let hospital = Hospital::open(&stack, "St. Brendan's")?;
    let doctor = hospital.doctor(&stack, "Dr. Amara Osei")?;
    let grant = doctor.granted(&stack, &patient, &reading(&["lab-report"], 3600))?;
    let request = doctor.ask(&stack, &patient, &reading(&["imaging"], 3600))?;
    Ok(json!({
        "tokens": {
            "patient": patient.token(),
            "doctor": doctor.token(),
            "admin": hospital.admin.token,
        },
        "ids": {
            "patientId": patient.id,
            "recordId": record,
            "grantId": grant.get("id"),
            "requestId": request,
            "hospitalId": hospital.id,
            "doctorId": doctor.id,
        },
    }))
}
