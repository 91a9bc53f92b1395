//! Records over HTTP: lists, filters, search, reading, downloading.

use domain::{Date, record::RecordType};
use serde_json::{Value, json};
use testkit::{
    Call, Filling, Outcome, Patient, Stack, Ward,
    cast::{pages, reading},
    documents::{Document, post_form},
    ensure, poll,
};

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_list_shows_whole_pages_of_what_the_grant_covers_newest_first() -> Outcome {
    let stack = Stack::get()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Paula Pages")?;
    let mut covered = Vec::new();
    for n in 0..5 {
        covered.push(patient.note(stack, "lab-report", "2026-01-01", &format!("Lab {n}"), "x")?);
        patient.note(stack, "imaging", "2026-01-01", &format!("Image {n}"), "x")?;
    }
    covered.reverse();
    ward.doctor.granted(stack, &patient, &reading(&["lab-report"], 3600))?;
    let path = patient.path("/records?limit=2");
    let first = stack.get_path(&path).token(ward.doctor.token()).expect(200)?;
    ensure(first.list("/items")?.len() == 2, "a whole page though half is out of scope")?;
    ensure(first.text("/patient/name")? == "Paula Pages", "whose records they are")?;
    let counts = json!({ "total": 5, "byType": { "lab-report": 5 }, "byYear": { "2026": 5 } });
    ensure(first.body["counts"] == counts, format!("nothing else counts: {}", first.body))?;
    let seen = pages(stack, ward.doctor.token(), &path)?;
    ensure(ids(&seen) == covered, "all that is covered, newest first")?;
    let all = patient.pages(stack, "/records?limit=3")?;
    ensure(all.len() == 10, "the patient sees all")?;
    // The last page has no cursor: nothing tells that there is more outside the grant.
    let exact = stack.get_path(&patient.path("/records?limit=5")).token(ward.doctor.token());
    ensure(exact.expect(200)?.body["nextCursor"].is_null(), "no cursor to nothing")?;
    let cursor = first.text("/nextCursor")?;
    let other = patient.path(&format!("/records?limit=2&type=lab-report&cursor={cursor}"));
    stack.get_path(&other).token(ward.doctor.token()).expect(400)?;
    let mine = patient.path(&format!("/records?limit=2&cursor={cursor}"));
    stack.get_path(&mine).token(patient.token()).expect(400).map(|_| ())
}

/// More records than a register's chunk or a page takes, of ten years, out of order.
fn many() -> Vec<Filling> {
    let kinds = [RecordType::LabReport, RecordType::Imaging, RecordType::Genetics];
    let one = |n: usize| Filling {
        kind: kinds[n % 3],
        date: Date::new(2016 + (n * 7 % 10) as i16, 1 + (n % 12) as i8, 1 + (n % 28) as i8)
            .expect("a date"),
        title: format!("Record {n}"),
        notes: (n % 250 == 10).then(|| "Seen: a zebra".to_owned()),
    };
    (0..800).map(one).collect()
}

/// The ids of those that `shows`, by date or as they were added, the latest first.
fn expected(
    all: &[(String, Filling)],
    by_date: bool,
    shows: impl Fn(&Filling) -> bool,
) -> Vec<String> {
    let mut shown: Vec<_> = all.iter().filter(|(_, one)| shows(one)).collect();
    shown.sort_by_key(|(id, one)| (by_date.then_some(one.date), id));
    shown.into_iter().rev().map(|(id, _)| id.clone()).collect()
}

#[test]
fn large_vaults_are_listed_sorted_searched_and_counted_whole() -> Outcome {
    let stack = Stack::get()?;
    let doctor = &Ward::get(stack)?.doctor;
    let patient = Patient::join(stack, "Lara Large")?;
    let filled = patient.fill(stack, &many())?;
    let all: Vec<_> = filled.into_iter().zip(many()).collect();
    let mut terms = reading(&["lab-report", "imaging"], 3600);
    (terms["from"], terms["to"]) = (json!("2018-03-05"), json!("2024-12-31"));
    doctor.granted(stack, &patient, &terms)?;
    let granted = |one: &Filling| {
        one.kind != RecordType::Genetics
            && ("2018-03-05"..="2024-12-31").contains(&&*one.date.to_string())
    };
    let (own, theirs) = (patient.token(), doctor.token());
    let zebra = |one: &Filling| one.notes.is_some();
    let of_2020 = |one: &Filling| one.date.year() == 2020;
    let cases = [
        (own, "", expected(&all, true, |_| true)),
        (own, "&sort=-added", expected(&all, false, |_| true)),
        (own, "&type=imaging", expected(&all, true, |one| one.kind == RecordType::Imaging)),
        (own, "&from=2020-01-01&to=2020-12-31", expected(&all, true, of_2020)),
        (own, "&q=ZEBR", expected(&all, true, zebra)),
        (own, "&q=record%2077", expected(&all, true, |one| one.title.starts_with("Record 77"))),
        (theirs, "", expected(&all, true, granted)),
        (theirs, "&sort=-added", expected(&all, false, granted)),
        (theirs, "&q=zebra", expected(&all, true, |one| granted(one) && zebra(one))),
    ];
    for (token, query, expected) in cases {
        let path = patient.path(&format!("/records?limit=100{query}"));
        let first = stack.get_path(&path).token(token).expect(200)?;
        if !query.contains("q=") {
            let total = first.body["counts"]["total"].as_u64();
            ensure(
                total == Some(expected.len() as u64),
                format!("{query}: {}", first.body["counts"]),
            )?;
        }
        let seen = ids(&pages(stack, token, &path)?);
        ensure(seen == expected, format!("{query}: {} of {}", seen.len(), expected.len()))?;
    }
    Ok(())
}

#[test]
fn filters_and_search_find_what_was_just_written() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Frieda Filter")?;
    let iron = patient.note(stack, "lab-report", "2026-01-10", "Blood count", "Ferritin is low")?;
    let knee = patient.note(stack, "imaging", "2026-02-10", "Knee MRI", "No tear; ferritin n/a")?;
    let talk = patient.note(stack, "mental-health", "2026-03-10", "Session", "Sleep better")?;
    let find = |query: &str| {
        Ok::<_, testkit::Surprise>(ids(
            &patient.pages(stack, &format!("/records?limit=50&{query}"))?
        ))
    };
    let cases: &[(&str, &[&String])] = &[
        ("type=imaging", &[&knee]),
        ("from=2026-02-01", &[&talk, &knee]),
        ("to=2026-01-31", &[&iron]),
        ("from=2026-02-10&to=2026-02-10", &[&knee]),
        ("status=available", &[&talk, &knee, &iron]),
        ("status=rejected", &[]),
        ("q=ferritin", &[&knee, &iron]),
        ("q=FERRITIN%20low", &[&iron]),
        ("q=knee%20tear", &[&knee]),
        ("q=ferr", &[&knee, &iron]),
        ("q=erritin", &[]),
        ("sort=-added&q=FERRITIN", &[&knee, &iron]),
        ("q=session", &[&talk]),
        ("q=absent", &[]),
    ];
    for (query, expected) in cases {
        let found = find(query)?;
        let expected: Vec<String> = expected.iter().map(|id| (*id).clone()).collect();
        ensure(found == expected, format!("{query}: {found:?}, not {expected:?}"))?;
    }
    let path =
        "/records?type=odd&from=yesterday&to=2026-02-30&status=x&q=-&limit=-1&more=1&sort=date";
    let mut wrong = stack.get_path(&patient.path(path)).token(patient.token()).expect(400)?.wrong();
    wrong.sort();
    let all = ["from", "limit", "more", "q", "sort", "status", "to", "type"];
    ensure(wrong == all, format!("{wrong:?}"))
}

#[test]
fn search_takes_words_as_people_write_them() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Nora Normal")?;
    let text = "Mu\u{308}ller, Hauptstraße 5\nsuffers from hyper-\ntension; \u{130}stanbul";
    let id = patient.note(stack, "referral", "2026-01-10", "Überweisung", text)?;
    for found in
        ["müller", "MULLER", "hauptstrasse", "hypertension", "tension", "istanbul", "uberw"]
    {
        let query = found.replace('ü', "%C3%BC");
        let seen = ids(&patient.pages(stack, &format!("/records?limit=9&q={query}"))?);
        ensure(seen == [id.clone()], format!("{found}: {seen:?}"))?;
    }
    Ok(())
}

/// So many words that they take several items, and the one looked for is in the last.
#[test]
fn a_search_finds_the_last_word_of_a_long_text() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Saskia Search")?;
    let words: Vec<_> = (0..40_000).map(|n| format!("w{n}")).chain(["zebra".into()]).collect();
    let long = patient.note(stack, "referral", "2026-01-10", "Long", &words.join(" "))?;
    patient.note(stack, "referral", "2026-01-10", "New", "nothing of the kind")?;
    let found = patient.pages(stack, "/records?limit=100&q=w7%20zebra")?;
    ensure(ids(&found) == [long], format!("{found:?}"))
}

/// Damage that an operator mends: entries gone, and chunks of records that are no more.
#[test]
fn a_rebuilt_register_holds_what_its_records_are() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Rita Rebuilt")?;
    let filled = patient.fill(stack, &many()[..150])?;
    let first = patient.note(stack, "lab-report", "2026-01-10", "Kept", "kept")?;
    let table = stack.output("TableName")?;
    let key =
        |sk: String| json!({ "PK": { "S": format!("PATIENT#{}", patient.id) }, "SK": { "S": sk } });
    for sk in ["REGISTER#00000001".to_owned(), format!("RECORD#{}", filled[140])] {
        let delete = json!({ "TableName": table, "Key": key(sk) });
        stack.aws("dynamodb", "DynamoDB_20120810.DeleteItem", &delete)?;
    }
    stack.operate(&["register-rebuild", "--patient", &patient.id])?;
    let mut listed = ids(&patient.pages(stack, "/records?limit=100&sort=-added")?);
    listed.reverse();
    let mut expected: Vec<_> = filled.iter().filter(|id| **id != filled[140]).cloned().collect();
    expected.push(first);
    ensure(listed == expected, format!("{} of {}", listed.len(), expected.len()))?;
    // Records name the chunks that hold them: a new one and one that comes are taken in.
    patient.note(stack, "lab-report", "2026-01-10", "Later", "later").map(|_| ())
}

/// How long a search takes would tell a stranger how much there is.
#[test]
fn i10_a_strangers_search_reads_no_more_than_any_list_of_theirs() -> Outcome {
    let stack = Stack::get()?;
    let (owner, other) =
        (Patient::join(stack, "Olga Owner")?, Patient::join(stack, "Nora Nobody")?);
    owner.note(stack, "lab-report", "2026-01-10", "Blood", "zephyr")?;
    let since = domain::Timestamp::now().as_millisecond();
    let calls = |path: &str| -> Outcome<Value> {
        let refused = stack.get_path(&owner.path(path)).token(other.token()).expect(404)?;
        let id = refused.text("/requestId")?.to_owned();
        let written = || stack.logs(&stack.log_group("record_list")?, &id, since);
        let line = poll("the line of a refusal", || Ok(written()?.into_iter().next()))?;
        let line: Value = serde_json::from_str(line.as_str().unwrap_or_default())?;
        Ok(line["awsCalls"].clone())
    };
    let (listed, searched) = (calls("/records")?, calls("/records?q=zephyr")?);
    ensure(listed == searched && listed.is_number(), format!("{listed} calls, {searched}"))
}

#[test]
fn search_finds_nothing_outside_the_grant() -> Outcome {
    let stack = Stack::get()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Hilda Hidden")?;
    patient.note(stack, "mental-health", "2026-01-10", "Therapy", "zephyr word")?;
    let seen = patient.note(stack, "lab-report", "2026-01-10", "Blood", "zephyr too")?;
    ward.other.granted(stack, &patient, &reading(&["all"], 3600))?;
    let path = patient.path("/records?limit=10&q=zephyr");
    let found = pages(stack, ward.other.token(), &path)?;
    ensure(ids(&found) == [seen], format!("{found:?}"))
}

#[test]
fn a_record_is_read_with_its_text_and_its_file() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Rosa Read")?;
    let id = patient.note(stack, "visit-note", "2026-01-10", "Visit", "first line\nsecond line")?;
    let get = |rest: &str| {
        stack.get_path(&patient.path(&format!("/records/{id}{rest}"))).token(patient.token())
    };
    let record = get("").expect(200)?;
    ensure(record.headers.get("etag").is_some_and(|etag| etag.starts_with('"')), "an ETag")?;
    ensure(
        record.headers.get("cache-control").is_some_and(|value| value == "no-store"),
        "no-store",
    )?;
    ensure(record.body["title"] == "Visit" && record.body["type"] == "visit-note", "its content")?;
    let text = get("/text").expect(200)?;
    ensure(text.body["pages"][0]["lines"][1]["text"] == "second line", format!("{}", text.body))?;
    ensure(get("/text?page=2").expect(200)?.list("/pages")?.is_empty(), "no second page")?;
    ensure(
        get("/text?page=0&limit=0").expect(400)?.wrong() == ["page", "limit"],
        "both are named",
    )?;
    let link = get("/content").expect(200)?;
    let url = link.text("/url")?;
    ensure(url.contains("X-Amz-Expires=60") && !url.contains("note.txt"), "60 seconds, no name")?;
    let file = Call::new("GET", url.to_owned()).expect(200)?;
    ensure(file.bytes == b"first line\nsecond line", "the file as it was sent")?;
    let wrong = url.replace("X-Amz-Expires=60", "X-Amz-Expires=600");
    ensure(Call::new("GET", wrong).send()?.status == 403, "a link cannot be stretched")?;
    for bad in ["x", "01900000-0000-7000-8000-00000000000G", "0190000000007000800000000000000A"] {
        let answer =
            stack.get_path(&patient.path(&format!("/records/{bad}"))).token(patient.token());
        ensure(answer.expect(400)?.wrong() == ["recordId"], bad)?;
    }
    Ok(())
}

#[test]
fn a_record_without_its_file_is_the_patients_alone() -> Outcome {
    let stack = Stack::get()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Wilma Waiting")?;
    let file = Document::new("later.txt", "text/plain", b"later".to_vec());
    let (id, _) = patient.announce(stack, "lab-report", "2026-01-10", "Later", &file)?;
    let path = patient.path(&format!("/records/{id}"));
    let mine = stack.get_path(&path).token(patient.token()).expect(200)?;
    ensure(mine.body["status"] == "awaiting-upload", format!("{}", mine.body))?;
    let link = stack.get_path(&format!("{path}/content")).token(patient.token());
    link.expect(409)?.problem("no-file")?;
    ward.doctor.granted(stack, &patient, &reading(&["all"], 3600))?;
    stack.get_path(&path).token(ward.doctor.token()).expect(404)?;
    let list = stack.get_path(&patient.path("/records")).token(ward.doctor.token()).expect(200)?;
    ensure(list.body["items"] == json!([]), "not listed to the doctor")
}

/// Whether a file is awaited, came or was rejected: its owner finds the record by type and date, a
/// doctor only where it can be read.
#[test]
fn a_record_is_found_by_type_and_date_as_far_as_its_file_has_come() -> Outcome {
    let stack = Stack::get()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Stella Status")?;
    let came = patient.note(stack, "imaging", "2026-01-10", "Came", "x")?;
    let file = Document::new("scan.png", "image/png", b"no image at all".to_vec());
    let announce = |title| patient.announce(stack, "imaging", "2026-01-10", title, &file);
    let ((awaited, _), (rejected, form)) = (announce("Awaited")?, announce("Rejected")?);
    post_form(&form, &file)?.expect(204)?;
    poll("the rejection", || {
        let path = patient.path(&format!("/records/{rejected}"));
        let record = stack.get_path(&path).token(patient.token()).expect(200)?;
        Ok((record.body["status"] == "rejected").then_some(()))
    })?;
    patient.note(stack, "referral", "2026-01-10", "Other", "x")?;
    ward.doctor.granted(stack, &patient, &reading(&["imaging"], 3600))?;
    let found = |token: &str, query: &str| -> Outcome<Vec<String>> {
        Ok(ids(&pages(stack, token, &patient.path(&format!("/records?limit=1{query}")))?))
    };
    let all = [rejected, awaited, came.clone()];
    for query in ["&type=imaging", "&type=imaging&from=2026-01-01", "&type=imaging&to=2026-12-31"] {
        let shown = found(patient.token(), query)?;
        ensure(shown == all, format!("{query}: {shown:?}"))?;
        let shown = found(ward.doctor.token(), query)?;
        ensure(shown == [came.clone()], format!("{query}, the doctor: {shown:?}"))?;
    }
    ensure(found(ward.doctor.token(), "")? == [came], "all granted")
}
