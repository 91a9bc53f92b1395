//! Hospitals: how one is added, and how its admins manage its doctors.

use serde_json::{Value, json};
use testkit::{
    Answer, Call, Hospital, Outcome, Patient, Stack, Ward,
    cast::{self, Account},
    ensure, in_parallel,
    operator::{key, stream_record},
    poll,
};

fn ward() -> Outcome<(&'static Stack, &'static Hospital)> {
    let stack = Stack::get()?;
    Ok((stack, &Ward::get(stack)?.hospital))
}

fn invitation(email: &str) -> Value {
    json!({ "email": email, "name": "Dr. Amara Osei", "licence": "GMC 1", "specialty": "Cardiology" })
}

fn invite(stack: &Stack, hospital: &Hospital, body: &Value) -> Call {
    let token = &hospital.admin.token;
    stack.post(&hospital.path("/doctors")).token(token).json(body)
}

/// A doctor who was invited and whose mail nobody waits for.
fn invited(stack: &Stack, hospital: &Hospital) -> Outcome<String> {
    let body = invitation(&cast::address("doctor"));
    Ok(invite(stack, hospital, &body).expect(201)?.text("/doctorId")?.to_owned())
}

fn rule(stack: &Stack, hospital: &Hospital, doctor: &str, verb: &str) -> Call {
    let path = hospital.path(&format!("/doctors/{doctor}/{verb}"));
    stack.post(&path).token(&hospital.admin.token)
}

fn list(stack: &Stack, hospital: &Hospital, query: &str) -> Call {
    stack.get_path(&hospital.path(&format!("/doctors{query}"))).token(&hospital.admin.token)
}

fn standing(stack: &Stack, hospital: &Hospital, doctor: &str) -> Outcome<String> {
    let token = &hospital.admin.token;
    let all = cast::pages(stack, token, &hospital.path("/doctors?limit=100"))?;
    let found = all.iter().find(|item| item["id"] == doctor);
    Ok(found.and_then(|item| item["standing"].as_str()).unwrap_or_default().to_owned())
}

/// The entries of this month in the hospital's trail for an action, as they stand in the table.
fn trail(stack: &Stack, hospital: &Hospital, action: &str) -> Outcome<Vec<Value>> {
    let month = domain::Timestamp::now().strftime("%Y-%m");
    let trail = format!("AUDIT#HOSPITAL#{}#{month}", hospital.id);
    let mut entries = stack.partition(&trail)?;
    entries.retain(|entry| entry["action"]["S"] == action);
    Ok(entries)
}

#[test]
fn a_doctor_goes_from_invited_to_active_to_suspended_and_back() -> Outcome {
    let (stack, hospital) = ward()?;
    let doctor = invited(stack, hospital)?;
    let steps = [
        ("reinstate", 409, "invited"),
        ("verify", 200, "active"),
        ("suspend", 200, "suspended"),
        ("reinstate", 200, "active"),
        ("verify", 409, "active"),
    ];
    for (verb, status, then) in steps {
        let answer = rule(stack, hospital, &doctor, verb).expect(status)?;
        if status == 200 {
            ensure(answer.body == json!({ "doctorId": doctor, "standing": then }), verb)?;
        } else {
            answer.problem("standing-conflict")?;
        }
        ensure(standing(stack, hospital, &doctor)? == then, format!("{verb}: {then}"))?;
    }
    for (action, times) in [("doctor_verify", 1), ("doctor_suspend", 1), ("doctor_reinstate", 1)] {
        let entries = trail(stack, hospital, action)?;
        let about = entries.iter().filter(|entry| entry["doctor"]["S"] == doctor.as_str());
        ensure(about.count() == times, format!("{action} is on record"))?;
    }
    Ok(())
}

#[test]
fn i5_a_suspended_doctor_is_refused_on_the_next_request() -> Outcome {
    let (stack, hospital) = ward()?;
    let doctor = hospital.doctor(stack, "Dr. Amara Osei")?;
    let me = stack.get_path("/v1/me").token(doctor.token());
    let profile = me.expect(200)?;
    for (pointer, value) in [
        ("/id", doctor.id.as_str()),
        ("/role", "doctor"),
        ("/name", "Dr. Amara Osei"),
        ("/email", doctor.account.email.as_str()),
        ("/standing", "active"),
        ("/specialty", "Cardiology"),
        ("/hospital/id", hospital.id.as_str()),
        ("/hospital/name", "Ward of the tests"),
    ] {
        ensure(profile.text(pointer)? == value, pointer)?;
    }
    rule(stack, hospital, &doctor.id, "suspend").expect(200)?;
    me.expect(403)?.problem("suspended")?;
    rule(stack, hospital, &doctor.id, "reinstate").expect(200)?;
    me.expect(200).map(|_| ())
}

#[test]
fn i7_an_invitation_sent_again_is_one_invitation() -> Outcome {
    let stack = Stack::get()?;
    let hospital = Hospital::open(stack, "St. Brendan's")?;
    let email = cast::address("doctor");
    let call = invite(stack, &hospital, &invitation(&email)).key("same");
    let answers = in_parallel(0..6, |_| call.send())?;
    let first = answers.first().map(Answer::told);
    for answer in answers {
        let answer = answer.expect(201)?;
        ensure(Some(answer.told()) == first, format!("{:?}", answer.told()))?;
    }
    let items = list(stack, &hospital, "").expect(200)?;
    ensure(items.list("/items")?.len() == 1, "one doctor")?;
    ensure(trail(stack, &hospital, "doctor_invite")?.len() == 2, "one founding, one invitation")?;
    let other = invite(stack, &hospital, &invitation(&cast::address("doctor"))).key("same");
    other.expect(422)?.problem("idempotency-key-reused")?;
    poll("one mail", || Ok((stack.mail(&email)?.len() == 1).then_some(())))
}

#[test]
fn i7_a_change_sent_again_is_one_change() -> Outcome {
    let stack = Stack::get()?;
    let hospital = Hospital::open(stack, "St. Brendan's")?;
    let doctor = invited(stack, &hospital)?;
    let call = rule(stack, &hospital, &doctor, "verify").key("same");
    let answers = in_parallel(0..6, |_| call.send())?;
    ensure(answers.iter().all(|answer| answer.status == 200), "each is told the same")?;
    ensure(trail(stack, &hospital, "doctor_verify")?.len() == 1, "one entry")?;
    let different = in_parallel(0..6, |_| rule(stack, &hospital, &doctor, "suspend").send())?;
    let statuses: Vec<_> = different.iter().map(|answer| answer.status).collect();
    ensure(statuses.iter().filter(|status| **status == 200).count() == 1, format!("{statuses:?}"))?;
    ensure(statuses.iter().all(|status| [200, 409].contains(status)), format!("{statuses:?}"))?;
    ensure(trail(stack, &hospital, "doctor_suspend")?.len() == 1, "one entry")
}

#[test]
fn the_list_has_whole_pages_newest_first_and_cursors_of_its_own() -> Outcome {
    let stack = Stack::get()?;
    let hospital = Hospital::open(stack, "St. Brendan's")?;
    let foreign = Hospital::open(stack, "St. Elsewhere")?;
    ensure(list(stack, &hospital, "").expect(200)?.body == json!({ "items": [] }), "empty")?;
    let mut doctors = Vec::new();
    for _ in 0..4 {
        doctors.insert(0, invited(stack, &hospital)?);
    }
    rule(stack, &hospital, &doctors[1], "verify").expect(200)?;
    let some = [doctors[0].clone(), doctors[2].clone(), doctors[3].clone()];
    for (filter, expected) in [("", &doctors[..]), ("&standing=invited", &some)] {
        for limit in [1, 2, 3, 100] {
            let path = hospital.path(&format!("/doctors?limit={limit}{filter}"));
            let all = cast::pages(stack, &hospital.admin.token, &path)?;
            let ids: Vec<_> = all.iter().filter_map(|item| item["id"].as_str()).collect();
            ensure(ids == expected, format!("{filter} by {limit}"))?;
        }
        let page = list(stack, &hospital, &format!("?limit=3{filter}")).expect(200)?;
        let whole = page.list("/items")?.len() == 3;
        let leads_on = page.body.get("nextCursor").is_some();
        ensure(whole && leads_on == (expected.len() > 3), "whole, and no cursor to nothing")?;
    }
    let page = list(stack, &hospital, "?limit=2").expect(200)?;
    let cursor = page.text("/nextCursor")?;
    let elsewhere = [
        list(stack, &hospital, &format!("?standing=active&cursor={cursor}")),
        list(stack, &foreign, &format!("?cursor={cursor}")),
    ];
    for call in elsewhere {
        ensure(call.expect(400)?.wrong() == ["cursor"], "a cursor serves its own list")?;
    }
    Ok(())
}

#[test]
fn an_address_that_nobody_proved_is_free_to_be_invited() -> Outcome {
    let (stack, hospital) = ward()?;
    let email = cast::address("squatted");
    stack.post("/v1/accounts").json(&json!({ "email": email })).expect(202)?;
    let mut account = hospital.invite_to(stack, "Dr. Amara Osei", &email)?.1;
    account.sign_in(stack)?;
    ensure(cast::claim(&account.token, "role").as_deref() == Some("doctor"), "the doctor's")?;
    // So does a hospital's first admin.
    let admin = Account::new(cast::address("squatted"), cast::password());
    stack.post("/v1/accounts").json(&json!({ "email": admin.email })).expect(202)?;
    Hospital::add_for(stack, "St. Elsewhere", "Ines Keller", &admin)?;
    admin.clone().sign_in(stack)
}

#[test]
fn i11_an_invitation_to_somebody_elses_address_is_seen_to_have_failed() -> Outcome {
    let (stack, hospital) = ward()?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let body = invitation(&patient.account.email);
    let doctor = invite(stack, hospital, &body).expect(201)?.text("/doctorId")?.to_owned();
    poll("the invitation to fail", || {
        Ok((standing(stack, hospital, &doctor)? == "invite-failed").then_some(()))
    })?;
    ensure(stack.invoke("table_stream", &inserted(hospital, &doctor)).is_ok(), "again")?;
    let failed = |entry: &&Value| {
        entry["reason"]["S"] == "invite-failed" && entry["doctor"]["S"] == doctor.as_str()
    };
    let entries = trail(stack, hospital, "doctor_invite")?;
    ensure(entries.iter().filter(failed).count() == 1, "the failure is on record once")?;
    rule(stack, hospital, &doctor, "verify").expect(409)?;
    let mut patient = patient;
    patient.account.sign_in(stack)?;
    let role = cast::claim(patient.token(), "role");
    ensure(role.as_deref() == Some("patient"), "the patient is who they were")
}

/// The key of a doctor's item.
fn row(hospital: &Hospital, doctor: &str) -> Value {
    key(&format!("HOSPITAL#{}", hospital.id), &format!("DOCTOR#{doctor}"))
}

/// The stream's record of a doctor who was invited.
fn inserted(hospital: &Hospital, doctor: &str) -> Value {
    json!({ "Records": [stream_record("INSERT", "100", &row(hospital, doctor))] })
}

#[test]
fn i7_an_invitation_seen_twice_is_sent_once() -> Outcome {
    let (stack, hospital) = ward()?;
    let (doctor, account) = hospital.invite(stack, "Dr. Amara Osei")?;
    rule(stack, hospital, &doctor.to_string(), "verify").expect(200)?;
    for _ in 0..2 {
        let done = stack.invoke("table_stream", &inserted(hospital, &doctor.to_string()))?;
        ensure(done == json!({ "batchItemFailures": [] }), format!("{done}"))?;
    }
    ensure(stack.mail(&account.email)?.len() == 1, "one mail")?;
    ensure(standing(stack, hospital, &doctor.to_string())? == "active", "standing is untouched")?;
    let mut account = account;
    account.sign_in(stack)
}

#[test]
fn i11_an_invitation_that_was_cut_short_is_sent_again() -> Outcome {
    let (stack, hospital) = ward()?;
    let (doctor, account) = hospital.invite(stack, "Dr. Amara Osei")?;
    // As if the function had ended between Cognito's answer and its own note of it.
    let key = row(hospital, &doctor.to_string());
    poll("the note that it was sent", || {
        let item = stack.dynamo("GetItem", json!({ "Key": key }))?;
        Ok(item["Item"].get("sent_at").map(|_| ()))
    })?;
    let forget = json!({ "Key": key, "UpdateExpression": "REMOVE sent_at" });
    stack.dynamo("UpdateItem", forget)?;
    stack.invoke("table_stream", &inserted(hospital, &doctor.to_string()))?;
    ensure(stack.mail(&account.email)?.len() == 2, "the mail is sent again")?;
    ensure(standing(stack, hospital, &doctor.to_string())? == "invited", "standing is untouched")
}

#[test]
fn adding_a_hospital_again_finds_it_and_adds_no_other() -> Outcome {
    let stack = Stack::get()?;
    let admin = Account::new(cast::address("admin"), cast::password());
    let add =
        |name: &str, account: &Account| Hospital::add_for(stack, name, "Ines Keller", account);
    let first = add("St. Brendan's", &admin)?;
    ensure(add("St. Brendan's", &admin)? == first, "the same hospital")?;
    let taken =
        |answer: Outcome<_>| answer.is_err_and(|why| why.0.contains("already has another account"));
    ensure(taken(add("St. Elsewhere", &admin)), "the admin is another hospital's")?;
    let patient = Patient::join(stack, "Ana Lima")?;
    ensure(taken(add("St. Brendan's", &patient.account)), "the address is a patient's")?;
    // As if the command had ended after making the account.
    for row in stack.partition(&format!("HOSPITAL#{first}"))? {
        let key = json!({ "PK": row["PK"], "SK": row["SK"] });
        stack.dynamo("DeleteItem", json!({ "Key": key }))?;
    }
    ensure(add("St. Brendan's", &admin)? == first, "the same ids as before")?;
    let mut admin = admin;
    admin.sign_in_enrolled(stack)?;
    let me = stack.get_path("/v1/me").token(&admin.token).expect(200)?;
    ensure(me.text("/hospital/name")? == "St. Brendan's", "the hospital is whole")
}
