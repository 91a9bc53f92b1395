//! Records over HTTP: lists, filters, search, reading, downloading.

use serde_json::{Value, json};
use testkit::{
    Call, Outcome, Patient, Stack, Ward,
    cast::{pages, reading},
    documents::Document,
    ensure,
    http::post_form,
    poll,
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

#[test]
fn a_list_of_some_types_goes_by_all_others_in_order() -> Outcome {
    let stack = Stack::get()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Ines Index")?;
    let types = ["lab-report", "imaging", "referral", "imaging", "referral", "referral"];
    let mut covered = Vec::new();
    for (n, kind) in types.iter().cycle().take(14).enumerate() {
        let id = patient.note(stack, kind, "2026-01-01", &format!("{kind} {n}"), "x")?;
        if *kind != "referral" {
            covered.push((*kind, id));
        }
    }
    covered.reverse();
    let of = |kinds: &[&str]| {
        let mine = covered.iter().filter(|(kind, _)| kinds.contains(kind));
        mine.map(|(_, id)| id.clone()).collect::<Vec<_>>()
    };
    ward.doctor.granted(stack, &patient, &reading(&["lab-report", "imaging"], 3600))?;
    for limit in [1, 2, 3, 50] {
        for (filter, expected) in [
            ("", of(&["lab-report", "imaging"])),
            ("&type=imaging", of(&["imaging"])),
            ("&type=lab-report&q=report", of(&["lab-report"])),
            ("&q=x", of(&["lab-report", "imaging"])),
            ("&from=2026-01-01&to=2026-01-01", of(&["lab-report", "imaging"])),
            ("&from=2026-01-02", vec![]),
            ("&type=referral", vec![]),
        ] {
            let path = patient.path(&format!("/records?limit={limit}{filter}"));
            let seen = pages(stack, ward.doctor.token(), &path)?;
            ensure(ids(&seen) == expected, format!("{limit}{filter}: {seen:?}"))?;
        }
        let mine = patient.pages(stack, &format!("/records?limit={limit}&type=imaging"))?;
        ensure(ids(&mine) == of(&["imaging"]), format!("{limit}: {mine:?}"))?;
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
        ("q=session", &[&talk]),
        ("q=absent", &[]),
    ];
    for (query, expected) in cases {
        let found = find(query)?;
        let expected: Vec<String> = expected.iter().map(|id| (*id).clone()).collect();
        ensure(found == expected, format!("{query}: {found:?}, not {expected:?}"))?;
    }
    let path = "/records?type=odd&from=yesterday&to=2026-02-30&status=x&q=&limit=-1&more=1";
    let mut wrong = stack.get_path(&patient.path(path)).token(patient.token()).expect(400)?.wrong();
    wrong.sort();
    ensure(wrong == ["from", "limit", "more", "q", "status", "to", "type"], format!("{wrong:?}"))
}

#[test]
fn a_search_goes_past_hundreds_of_records_and_loses_none() -> Outcome {
    let stack = Stack::get()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Saskia Search")?;
    let old = patient.note(stack, "imaging", "2026-01-10", "Knee", "A zebra was seen")?;
    // Records that wait for their file are the patient's to see, and quickly made.
    let file = Document::new("later.txt", "text/plain", b"later".to_vec());
    let begin = |title: &str| {
        let call = stack.post(&patient.path("/uploads")).token(patient.token());
        let begun = call.json(&file.declaration("visit-note", title)).expect(201)?;
        begun.text("/recordId").map(str::to_owned)
    };
    let many = |count: usize| -> Outcome {
        std::thread::scope(|scope| {
            let half = || (0..count / 2).try_for_each(|_| begin("Filler").map(|_| ()));
            let other = scope.spawn(half);
            half()?;
            other.join().expect("a thread that ends")
        })
    };
    many(10)?;
    let middle = begin("Zebra, again")?;
    many(180)?;
    // So many words that they take several items, and the one looked for is in the last.
    let words: Vec<_> = (0..40_000).map(|n| format!("w{n}")).chain(["zebra".into()]).collect();
    let long = patient.note(stack, "referral", "2026-01-10", "Long", &words.join(" "))?;
    many(60)?;
    patient.note(stack, "referral", "2026-01-10", "New", "nothing of the kind")?;
    let all = vec![&long, &middle, &old];
    for (filter, expected) in [("", all.clone()), ("&type=imaging", vec![&old])] {
        let path = patient.path(&format!("/records?limit=100&q=zebra{filter}"));
        let found = stack.get_path(&path).token(patient.token()).expect(200)?;
        let shown = ids(found.list("/items")?);
        ensure(shown.iter().eq(expected), format!("{filter}: {shown:?} in one answer"))?;
        ensure(found.body["nextCursor"].is_null(), format!("{filter}: there is no more"))?;
    }
    ward.doctor.granted(stack, &patient, &reading(&["all"], 3600))?;
    let path = patient.path("/records?limit=10&q=zebra");
    let found = ids(&pages(stack, ward.doctor.token(), &path)?);
    ensure(found == [long.clone(), old.clone()], format!("{found:?}"))?;
    // A page for few records looks at few.
    let first = stack.get_path(&path).token(patient.token()).expect(200)?;
    ensure(first.list("/items")?.is_empty(), "it ends before the first that is found")?;
    ensure(first.text("/nextCursor").is_ok(), "an early end leads on")?;
    let found = ids(&pages(stack, patient.token(), &path)?);
    ensure(found.iter().eq(all), format!("nothing is lost behind it: {found:?}"))
}

/// A record as a test remembers it: id, type, date.
type Made = (String, &'static str, String);

#[test]
fn lists_among_dates_show_what_grant_and_filter_share_and_lose_none() -> Outcome {
    let stack = Stack::get()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Yara Years")?;
    let of = |kind: &'static str| -> Outcome<Vec<Made>> {
        let dates = ["2019-06-15", "2020-06-15", "2021-06-15", "2020-12-31", "2019-01-01"];
        let made = |date: &str| {
            let id = patient.note(stack, kind, date, "Dated", "x")?;
            Ok((id, kind, date.to_owned()))
        };
        dates.into_iter().map(made).collect()
    };
    // The first records of their types and years, at the same time.
    let (mine, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| of("imaging"));
        (of("lab-report"), other.join().expect("a thread that ends"))
    });
    let mut made = [mine?, other?].concat();
    made.sort_by(|a, b| b.0.cmp(&a.0));
    let mut terms = reading(&["lab-report", "imaging"], 3600);
    terms["from"] = json!("2019-06-15");
    terms["to"] = json!("2020-12-30");
    ward.doctor.granted(stack, &patient, &terms)?;
    let expected = |kind: &str, from: &str, to: &str| -> Vec<String> {
        let fits = |(_, its, date): &&Made| {
            (kind.is_empty() || kind == *its) && (from..=to).contains(&date.as_str())
        };
        made.iter().filter(fits).map(|(id, ..)| id.clone()).collect()
    };
    for limit in [1, 2, 50] {
        for (kind, from, to) in [
            ("", "2020-01-01", "9999-12-31"),
            ("", "0001-01-01", "2019-12-31"),
            ("", "2019-06-16", "2020-06-14"),
            ("", "2020-06-15", "2020-06-15"),
            ("", "2021-01-01", "2021-12-31"),
            ("", "2021-01-01", "2020-01-01"),
            ("imaging", "2019-06-15", "2021-01-01"),
        ] {
            let filter = if kind.is_empty() { String::new() } else { format!("&type={kind}") };
            let path = patient.path(&format!("/records?limit={limit}&from={from}&to={to}{filter}"));
            let shown = ids(&pages(stack, patient.token(), &path)?);
            ensure(shown == expected(kind, from, to), format!("{path}: {shown:?}"))?;
            let shared = expected(kind, from.max("2019-06-15"), to.min("2020-12-30"));
            let shown = ids(&pages(stack, ward.doctor.token(), &path)?);
            ensure(shown == shared, format!("{path}, the doctor: {shown:?}"))?;
        }
    }
    let all = patient.path("/records?limit=2");
    let shown = ids(&pages(stack, ward.doctor.token(), &all)?);
    ensure(shown == expected("", "2019-06-15", "2020-12-30"), format!("all granted: {shown:?}"))
}

/// In each of two years more records lie outside the dates than a list reads at first, so it goes by
/// spans of days. What is older, and found at first in the year between, has to wait for these.
#[test]
fn dates_that_part_two_years_show_all_in_order() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Petra Parts")?;
    let kinds = ["lab-report", "imaging"];
    let days = ["2019-02-01", "2019-02-02", "2019-12-31", "2021-02-28", "2021-11-14", "2021-11-15"];
    let mut all = [("prescription", "2020-05-10")].repeat(3);
    all.extend(kinds.iter().flat_map(|kind| days.map(|day| (*kind, day))));
    all.extend(["2019-01-01", "2021-12-31"].map(|day| ("imaging", day)).repeat(25));
    // Records that wait for their file are the patient's to see, and quickly made.
    let file = Document::new("later.txt", "text/plain", b"later".to_vec());
    let announce = |(kind, date): &(&str, &str)| {
        patient.announce(stack, kind, date, "Dated", &file).map(|(id, _)| id)
    };
    let made = all.iter().map(announce).collect::<Outcome<Vec<_>>>()?;
    for (filter, kinds) in
        [("", &["lab-report", "imaging", "prescription"][..]), ("&type=imaging", &["imaging"])]
    {
        let fits = |(kind, day): &(&str, &str)| {
            kinds.contains(kind) && ("2019-02-02"..="2021-11-14").contains(day)
        };
        let expected = all.iter().zip(&made).filter(|(of, _)| fits(of)).map(|(_, id)| id.clone());
        let expected: Vec<_> = expected.rev().collect();
        for limit in [1, 4, expected.len()] {
            let path = "/records?from=2019-02-02&to=2021-11-14";
            let path = patient.path(&format!("{path}&limit={limit}{filter}"));
            let first = stack.get_path(&path).token(patient.token()).expect(200)?;
            ensure(first.list("/items")?.len() == limit, format!("whole: {}", first.body))?;
            let shown = ids(&pages(stack, patient.token(), &path)?);
            ensure(shown == expected, format!("{path}: {shown:?}, not {expected:?}"))?;
        }
    }
    Ok(())
}

/// Of so many types and years that a list goes by the types alone, once it is past too many of others.
#[test]
fn dates_over_many_years_of_some_types_show_all_in_order() -> Outcome {
    let stack = Stack::get()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Maya Many")?;
    let kinds = ["lab-report", "imaging"];
    let years: Vec<_> = (1991..2009).map(|year| format!("{year}-06-15")).collect();
    let mut all: Vec<_> =
        years.iter().flat_map(|day| kinds.map(|kind| (kind, day.as_str()))).collect();
    all.extend([("allergy", "2000-06-15")].repeat(28));
    let made: Vec<_> = all.iter().zip(patient.notes(stack, &all)?).collect();
    ward.doctor.granted(stack, &patient, &reading(&kinds, 3600))?;
    for (from, to) in [("1991-06-15", "2008-06-14"), ("1992-06-16", "2007-06-15")] {
        for (token, kinds) in [
            (patient.token(), &["lab-report", "imaging", "allergy"][..]),
            (ward.doctor.token(), &kinds),
        ] {
            let fits = made
                .iter()
                .filter(|((kind, day), _)| kinds.contains(kind) && (from..=to).contains(day));
            let expected: Vec<_> = fits.rev().map(|(_, id)| id.clone()).collect();
            let path = patient.path(&format!("/records?limit=12&from={from}&to={to}"));
            let shown = ids(&pages(stack, token, &path)?);
            ensure(shown == expected, format!("{path}: {shown:?}, not {expected:?}"))?;
        }
    }
    Ok(())
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
    ensure(record.headers.get("etag").is_some_and(|etag| etag == "\"1\""), "an ETag")?;
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

/// The first date and the last that can be said, and those that other systems write for unknown ones.
#[test]
fn dates_of_any_century_show_all_in_order() -> Outcome {
    let stack = Stack::get()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Cecilia Century")?;
    let days = ["0000-01-01", "1753-01-01", "1899-12-31", "1900-01-01", "2100-02-28", "9999-12-31"];
    let mut made = Vec::new();
    for day in days.into_iter().chain(["1899-12-30"; 2]) {
        made.push((patient.note(stack, "lab-report", day, "Dated", "x")?, day));
    }
    made.reverse();
    ward.doctor.granted(stack, &patient, &reading(&["lab-report"], 3600))?;
    for (from, to) in [
        ("0000-01-01", "9999-12-31"),
        ("0000-01-02", "9999-12-30"),
        ("1753-01-01", "1899-12-29"),
        ("1899-12-31", "2100-02-28"),
        ("1899-12-30", "1899-12-30"),
    ] {
        let within = made.iter().filter(|(_, day)| (from..=to).contains(day));
        let expected: Vec<_> = within.map(|(id, _)| id.clone()).collect();
        for token in [patient.token(), ward.doctor.token()] {
            let path = patient.path(&format!("/records?limit=1&from={from}&to={to}"));
            let shown = ids(&pages(stack, token, &path)?);
            ensure(shown == expected, format!("{path}: {shown:?}, not {expected:?}"))?;
        }
    }
    Ok(())
}
