//! Counts AWS round trips, as each function logs them: at most two one after the other for any
//! HTTP operation of a function that is warm for the vault, one for those that only sign in; a list
//! adds one for each page it reads more (DESIGN section 4).

use domain::{
    names::Named,
    policy::{Action, Rule},
    record::RecordType,
};
use serde_json::{Value, json};
use testkit::{
    Hospital, Outcome, Patient, Stack, Ward,
    cast::{pages, reading},
    documents::Document,
    ensure, poll,
};

use crate::alone;

/// Plays the operations, each at least twice on the same vault, so that the second is warm.
fn play(stack: &Stack) -> Outcome {
    let hospital = Hospital::open(stack, "Counting")?;
    let admin = &hospital.admin.account;
    for name in ["Dr. One", "Dr. Two"] {
        let doctor = hospital.doctor(stack, name)?;
        let patient = Patient::join(stack, "Trip Counter")?;
        let body = json!({ "refreshToken": patient.account.refresh });
        for _ in 0..2 {
            stack.post("/v1/sessions/refresh").json(&body).expect(200)?;
            let id = patient.note(stack, "lab-report", "2026-01-01", "Count", "count")?;
            let grant = doctor.granted(stack, &patient, &reading(&["all"], 3600))?;
            let record = patient.path(&format!("/records/{id}"));
            for rest in ["", "/text", "/content"] {
                stack.get_path(&format!("{record}{rest}")).token(doctor.token()).expect(200)?;
            }
            stack.get_path(&patient.path("/records")).token(doctor.token()).expect(200)?;
            for path in ["/v1/me", "/v1/grants", "/v1/access-requests"] {
                stack.get_path(path).token(doctor.token()).expect(200)?;
                stack.get_path(path).token(patient.token()).expect(200)?;
            }
            for search in ["/records?q=count", "/records?q=nowhere"] {
                stack.get_path(&patient.path(search)).token(patient.token()).expect(200)?;
            }
            stack.get_path(&patient.path("/audit")).token(patient.token()).expect(200)?;
            stack.get_path(&hospital.path("/doctors")).token(&admin.token).expect(200)?;
            let grant = grant["id"].as_str().unwrap_or_default();
            stack.delete(&format!("/v1/grants/{grant}")).token(patient.token()).expect(204)?;
        }
        hospital.rule(stack, &doctor.id, "suspend")?;
        hospital.rule(stack, &doctor.id, "reinstate")?;
        hospital.rule(stack, &doctor.id, "suspend")?;
        hospital.rule(stack, &doctor.id, "reinstate")?;
        stack.delete("/v1/sessions").token(patient.token()).expect(204)?;
    }
    Ok(())
}

/// What the functions of an operation logged of requests since `since` that were done, by an
/// environment that was warm for the vault.
fn warm(stack: &Stack, name: &str, since: i64) -> Outcome<Vec<Value>> {
    let lines = stack.logs(&stack.log_group(name)?, "awsSequential", since)?;
    let lines = lines.iter().filter_map(Value::as_str).filter_map(|l| serde_json::from_str(l).ok());
    let warm = |line: &Value| {
        line["operation"] == *name
            && line["outcome"] == "done"
            && line["coldKeys"] == 0
            && line["decisions"] == 1
    };
    Ok(lines.filter(warm).collect())
}

fn most(lines: &[Value], counted: &str) -> u64 {
    lines.iter().filter_map(|line| line[counted].as_u64()).max().unwrap_or(u64::MAX)
}

#[test]
fn a_warm_request_makes_at_most_two_round_trips_one_after_the_other() -> Outcome {
    let (_alone, stack) = alone()?;
    let since = domain::Timestamp::now().as_millisecond();
    play(stack)?;
    println!("{:<24} {:>10} {:>6}", "operation", "sequential", "total");
    for (action, name) in Action::NAMES.iter().filter(|(a, _)| a.rule() != Rule::System) {
        let warm = warm(stack, name, since)?;
        ensure(!warm.is_empty(), format!("{name} was warm at least once"))?;
        let (sequential, total) = (most(&warm, "awsSequential"), most(&warm, "awsCalls"));
        println!("{name:<24} {sequential:>10} {total:>6}");
        let session = matches!(
            action,
            Action::SessionCreate
                | Action::SessionAnswer
                | Action::SessionRefresh
                | Action::SessionRevoke
        );
        let allowed = if session { 1 } else { 2 };
        ensure(sequential <= allowed, format!("{name} makes {sequential} trips in a row"))?;
    }
    a_list_adds_a_trip_for_each_page_it_reads_more(stack)?;
    a_list_among_dates_passes_over_many_and_ends_no_page(stack)?;
    i10_a_list_among_dates_asks_as_much_where_all_is_hidden(stack)?;
    a_trail_of_many_years_takes_few_trips(stack)
}

/// Of a vault of ten years with hardly an entry: months are read side by side.
fn a_trail_of_many_years_takes_few_trips(stack: &Stack) -> Outcome {
    let patient = Patient::join(stack, "Ancient Trail")?;
    patient.audit(stack)?;
    patient.announce(stack, "imaging", "2026-01-10", "Entry", &later())?;
    let table = stack.output("TableName")?;
    let of = format!("PATIENT#{}", patient.id);
    let now = domain::Timestamp::now();
    let query = json!({ "TableName": table, "ConsistentRead": true,
        "KeyConditionExpression": "PK = :trail", "ExpressionAttributeValues":
        { ":trail": { "S": format!("AUDIT#{of}#{}", now.strftime("%Y-%m")) } } });
    let found = stack.aws("dynamodb", "DynamoDB_20120810.Query", &query)?;
    let mut entry = found["Items"][0].clone();
    entry["PK"]["S"] = json!(format!("AUDIT#{of}#2016-11"));
    let put = json!({ "TableName": table, "Item": entry });
    stack.aws("dynamodb", "DynamoDB_20120810.PutItem", &put)?;
    let age = json!({ "TableName": table, "Key": { "PK": { "S": of }, "SK": { "S": "VAULT" } },
        "UpdateExpression": "SET created_at = :begun",
        "ExpressionAttributeValues": { ":begun": { "S": "2016-11-01T00:00:00Z" } } });
    stack.aws("dynamodb", "DynamoDB_20120810.UpdateItem", &age)?;
    let before = found["Count"].as_u64().unwrap_or_default() as usize;
    let since = domain::Timestamp::now().as_millisecond();
    let trail = patient.audit(stack)?;
    let first = trail.first().map(|entry| entry["id"].clone());
    ensure(first == Some(entry["id"]["S"].clone()), format!("the first of all: {first:?}"))?;
    ensure(trail.len() > before, format!("{} of {before} and one", trail.len()))?;
    let pages = poll("a warm page", || {
        patient.audit(stack)?;
        let pages = warm(stack, "audit_list", since)?;
        Ok((!pages.is_empty()).then_some(pages))
    })?;
    let sequential = most(&pages, "awsSequential");
    ensure(sequential <= 11, format!("{sequential} trips in a row for ten years"))
}

/// A file that does not come.
fn later() -> Document {
    Document::new("later.txt", "text/plain", b"later".to_vec())
}

/// A list whose page the newest records do not fill reads a page of places and one of records (DESIGN
/// section 4), and one more of places where those of a year go on that the dates part; a doctor's
/// search the words of the records that are theirs to see.
fn a_list_adds_a_trip_for_each_page_it_reads_more(stack: &Stack) -> Outcome {
    let doctor = &Ward::get(stack)?.doctor;
    let patient = Patient::join(stack, "Page Counter")?;
    for date in ["2025-03-01"].into_iter().chain(["2025-11-01"; 6]) {
        patient.note(stack, "lab-report", date, "Count", "x")?;
    }
    // A doctor's list goes by none that waits for its file.
    let announce = |count| {
        let one = || patient.announce(stack, "lab-report", "2025-11-01", "Count", &later());
        (0..count).try_for_each(|_| one().map(drop))
    };
    announce(6)?;
    for kind in ["lab-report", "prescription", "imaging", "referral"] {
        patient.note(stack, kind, "2026-01-01", "Count", "tally")?;
    }
    let (own, theirs) = (patient.token(), doctor.token());
    let spring = "?from=2025-03-01&to=2025-05-31&limit=1";
    let spring_of_one = &format!("{spring}&type=lab-report");
    let each: Vec<_> = RecordType::NAMES.iter().map(|(_, name)| *name).collect();
    let cases: [(&[&str], _, _, _, _); 7] = [
        (&["all"], own, 0, "?type=lab-report&limit=1", 4),
        (&["lab-report"], theirs, 0, "?limit=1", 4),
        (&["all"], theirs, 0, spring, 5),
        (&["all"], theirs, 0, "?q=tally", 3),
        // More than a list reads at once.
        (&each, theirs, 110, "?limit=1", 4),
        (&["all"], own, 0, spring_of_one, 5),
        (&["all"], own, 0, spring, 5),
    ];
    for (types, token, awaited, query, expected) in cases {
        announce(awaited)?;
        doctor.granted(stack, &patient, &reading(types, 3600))?;
        let (_, sequential) = counted(stack, &patient.path(&format!("/records{query}")), token)?;
        ensure(sequential == expected, format!("{query}: {sequential} trips in a row"))?;
    }
    Ok(())
}

/// How many calls a warm list takes, and how many of them in a row.
fn counted(stack: &Stack, path: &str, token: &str) -> Outcome<(u64, u64)> {
    let since = domain::Timestamp::now().as_millisecond();
    let lists = poll("a warm list", || {
        stack.get_path(path).token(token).expect(200)?;
        let lists = warm(stack, "record_list", since)?;
        Ok((!lists.is_empty()).then_some(lists))
    })?;
    Ok((most(&lists, "awsCalls"), most(&lists, "awsSequential")))
}

/// More records stand before what is asked for than a list reads at first: of other days of a year, and
/// of another type on the days themselves.
fn a_list_among_dates_passes_over_many_and_ends_no_page(stack: &Stack) -> Outcome {
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Dora Dates")?;
    let (granted, other) = (["lab-report", "imaging"], "allergy");
    let (from, to) = ("2001-05-02", "2009-11-30");
    // One of each year, the first days and the last and those beside them.
    let years: Vec<_> = (2002..2009).map(|year| format!("{year}-07-01")).collect();
    let mut all: Vec<_> =
        granted.iter().cycle().zip(&years).map(|(kind, day)| (*kind, &**day)).collect();
    all.extend([granted[1], granted[0]].into_iter().zip([from, to]));
    all.extend(granted.into_iter().zip(["2001-05-01", "2009-12-01"]));
    all.extend([(granted[0], "2001-01-15")].repeat(16));
    all.extend([(other, "2005-05-10")].repeat(6));
    all.push((granted[1], "2005-05-10"));
    all.extend([(other, "2005-05-10")].repeat(22));
    let made: Vec<_> = all.iter().zip(patient.notes(stack, &all)?).collect();
    let mut terms = reading(&granted, 3600);
    (terms["from"], terms["to"]) = (json!(from), json!(to));
    ward.doctor.granted(stack, &patient, &terms)?;
    let (own, theirs) = (patient.token(), ward.doctor.token());
    let dates = format!("&from={from}&to={to}");
    for (token, filter, kinds) in [
        (own, dates.clone(), &[granted[0], granted[1], other][..]),
        (own, format!("{dates}&type=lab-report"), &["lab-report"]),
        (theirs, String::new(), &granted),
        (theirs, "&type=lab-report".into(), &["lab-report"]),
    ] {
        let fits = made
            .iter()
            .filter(|((kind, day), _)| kinds.contains(kind) && (from..=to).contains(day));
        let expected: Vec<_> = fits.rev().map(|(_, id)| id.clone()).collect();
        for limit in [1, 12, expected.len()] {
            let path = patient.path(&format!("/records?limit={limit}{filter}"));
            let first = stack.get_path(&path).token(token).expect(200)?;
            let is_whole = first.list("/items")?.len() == limit.min(expected.len());
            ensure(is_whole, format!("{path}: a whole page"))?;
            let shown = pages(stack, token, &path)?;
            let shown: Vec<_> = shown.iter().filter_map(|item| item["id"].as_str()).collect();
            ensure(shown == expected, format!("{path}: {shown:?}, not {expected:?}"))?;
            // Nothing tells of those before, between and after.
            let ends = first.body["nextCursor"].is_null();
            ensure(ends == (limit >= expected.len()), format!("{path}: {}", first.body))?;
        }
    }
    // By nine years of all types, eleven of one, and five stretches of days of such a year; beside these
    // what the decision rests on, the newest, the records and the entry of the trail.
    let counts = counted(stack, &patient.path("/records?limit=12"), theirs)?;
    ensure(counts == (9 + 11 + 5 + 4, 6), format!("{counts:?} calls, in a row"))
}

/// Years of which only records stand that are not theirs to see look like years without any.
fn i10_a_list_among_dates_asks_as_much_where_all_is_hidden(stack: &Stack) -> Outcome {
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Hanna Hidden")?;
    let shown = [("lab-report", "1981-01-10"), ("imaging", "1988-01-10")];
    patient.notes(stack, &[&shown[..], &[("mental-health", "1985-01-10"); 3]].concat())?;
    ward.doctor.granted(stack, &patient, &reading(&["all"], 3600))?;
    let asked = |year: u16| {
        let path = format!("/records?limit=1&from={year}-01-01&to={year}-12-30");
        counted(stack, &patient.path(&path), ward.doctor.token())
    };
    let (hidden, none) = (asked(1985)?, asked(1986)?);
    ensure(hidden == none, format!("{hidden:?} calls, {none:?}"))
}
