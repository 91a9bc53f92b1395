//! People to sign in as on the development stack, and what a newcomer needs of them: their second
//! factor's code, and their mail. `cargo xtask dev`, `code` and `mail` call this.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use serde::{Deserialize, Serialize};
use testkit::{
    Hospital, Outcome, Patient, Stack, Surprise,
    cast::{Account, reading},
    ended, in_parallel,
};

#[derive(Parser)]
struct Args {
    /// The folder of the running stack.
    #[arg(long)]
    dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say who there is; makes them the first time.
    Tell,
    /// Print the code that somebody's authenticator app shows now.
    Code {
        /// Their address.
        address: String,
    },
    /// Print the mails to an address, the last one last.
    Mail {
        /// The address.
        address: String,
    },
}

/// Somebody to sign in as.
#[derive(Serialize, Deserialize)]
struct Person {
    who: String,
    email: String,
    password: String,
    /// Of the authenticator app, in Base32; none without one.
    secret: Option<String>,
}

/// Types, dates and titles of a lived-in vault.
const RECORDS: [(&str, &str, &str); 10] = [
    ("immunization", "2014-09-02", "Tetanus booster"),
    ("procedure", "2016-03-18", "Appendectomy"),
    ("discharge-summary", "2016-03-21", "Discharge after appendectomy"),
    ("allergy", "2017-05-30", "Penicillin, rash"),
    ("imaging", "2019-11-12", "X-ray of the left wrist"),
    ("lab-report", "2021-02-08", "Blood count"),
    ("lab-report", "2023-02-06", "Ferritin and vitamin D"),
    ("visit-note", "2024-06-14", "Yearly check-up"),
    ("prescription", "2025-10-01", "Vitamin D, 1000 IU"),
    ("lab-report", "2026-10-05", "HbA1c and lipids"),
];

const MONTH: u32 = 30 * 24 * 60 * 60;

fn main() -> ExitCode {
    ended(run(&Args::parse()).map(|()| ExitCode::SUCCESS))
}

fn run(Args { dir, command }: &Args) -> Outcome {
    let stack = Stack::read(&dir.join("stack.json"))?;
    let file = dir.join("people.json");
    match command {
        Command::Tell => tell(&stack, &people(&stack, &file)?),
        Command::Code { address } => {
            let people: Vec<Person> = serde_json::from_slice(&fs::read(&file)?)?;
            let person = people.iter().find(|person| &person.email == address);
            let person = person.ok_or_else(|| Surprise(format!("nobody has {address}")))?;
            println!("{}", account(person).code()?);
            Ok(())
        }
        Command::Mail { address } => {
            stack.mail(address)?.iter().for_each(|mail| println!("{mail}\n"));
            Ok(())
        }
    }
}

fn account(person: &Person) -> Account {
    let mut account = Account::new(person.email.clone(), person.password.clone());
    if let Some(secret) = &person.secret {
        account.hold(secret);
    }
    account
}

/// Those who can still sign in, or new ones.
fn people(stack: &Stack, file: &PathBuf) -> Outcome<Vec<Person>> {
    let kept = fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    if let Some(people) = kept.filter(|people: &Vec<Person>| {
        people.first().is_some_and(|one| account(one).sign_in(stack).is_ok())
    }) {
        return Ok(people);
    }
    let people = settle(stack)?;
    fs::write(file, serde_json::to_vec_pretty(&people)?)?;
    Ok(people)
}

/// A patient with records of years, one grant in force and one request that waits; her doctor; and
/// the admin of his hospital.
fn settle(stack: &Stack) -> Outcome<Vec<Person>> {
    let patient = Patient::join(stack, "Mira Sample")?;
    in_parallel(RECORDS, |(kind, date, title)| {
        let text = format!("{title}, {date}\nA record to look at, of nobody.");
        patient.note(stack, kind, date, title, &text)
    })?;
    let hospital = Hospital::open(stack, "Harbour Hospital")?;
    let doctor = hospital.doctor(stack, "Dr. Jonas Weber")?;
    doctor.granted(stack, &patient, &reading(&["all"], MONTH))?;
    let other = hospital.doctor(stack, "Dr. Leyla Kaya")?;
    other.ask(stack, &patient, &reading(&["imaging", "lab-report"], MONTH))?;
    let person = |who: &str, account: &Account| Person {
        who: who.into(),
        email: account.email.clone(),
        password: account.password.clone(),
        secret: account.secret().map(str::to_owned),
    };
    Ok(vec![
        person("patient", &patient.account),
        person("doctor", &doctor.account),
        person("admin", &hospital.admin),
    ])
}

fn tell(stack: &Stack, people: &[Person]) -> Outcome {
    println!("\nSign in as");
    for Person { who, email, password, .. } in people {
        println!("  {who:<8} {email}  {password}");
    }
    println!("The second factor's code of doctor and admin: cargo xtask code <address>");
    println!("Mails, among them the code that confirms a new account: cargo xtask mail <address>");
    let Person { email, password, .. } =
        people.first().ok_or_else(|| Surprise("nobody is there".into()))?;
    println!(
        "\ncurl -s {}/v1/sessions -H 'Content-Type: application/json' \
         -d '{{\"email\":\"{email}\",\"password\":\"{password}\"}}'",
        stack.api_url
    );
    Ok(())
}
