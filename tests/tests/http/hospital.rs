//! Hospitals: how one is added, and how its admins manage its doctors.

use serde_json::{Value, json};
use testkit::{
    Answer, Call, Doctor, Hospital, Outcome, Patient, Stack, Ward,
    cast::{self, Account},
    ensure, in_parallel,
    operator::stream_record,
    poll,
};

fn invitation(email: &str) -> Value {
    json!({ "email": email, "name": "Dr. Amara Osei", "licence": "GMC 1", "specialty": "Cardiology" })
}

fn invite(stack: &Stack, hospital: &Hospital, body: &Value) -> Call {
    let token = &hospital.admin.account.token;
    stack.post(&hospital.path("/doctors")).token(token).json(body)
}

/// A doctor who was invited and whose mail nobody waits for.
fn invited(stack: &Stack, hospital: &Hospital) -> Outcome<String> {
    let body = invitation(&cast::address("doctor"));
    Ok(invite(stack, hospital, &body).expect(201)?.text("/doctorId")?.to_owned())
}

fn rule(stack: &Stack, hospital: &Hospital, doctor: &str, verb: &str) -> Call {
    let path = hospital.path(&format!("/doctors/{doctor}/{verb}"));
    stack.post(&path).token(&hospital.admin.account.token)
}

fn list(stack: &Stack, hospital: &Hospital, query: &str) -> Call {
    stack.get_path(&hospital.path(&format!("/doctors{query}"))).token(&hospital.admin.account.token)
}

fn standing(stack: &Stack, hospital: &Hospital, doctor: &str) -> Outcome<String> {
    let token = &hospital.admin.account.token;
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
    let stack = Stack::get()?;
    let hospital = &Ward::get(stack)?.hospital;
    let doctor = invited(stack, hospital)?;
    let steps = [
        ("reinstate", 409, "invited"),
        ("verify", 200, "active"),
        ("verify", 409, "active"),
        ("reinstate", 409, "active"),
        ("suspend", 200, "suspended"),
        ("suspend", 409, "suspended"),
        ("verify", 409, "suspended"),
        ("reinstate", 200, "active"),
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
    let stack = Stack::get()?;
    let hospital = &Ward::get(stack)?.hospital;
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
fn i9_an_invited_doctor_can_do_nothing_before_they_are_verified() -> Outcome {
    let stack = Stack::get()?;
    let hospital = &Ward::get(stack)?.hospital;
    let (id, mut account) = hospital.invite(stack, "Dr. Amara Osei")?;
    account.sign_in(stack)?;
    stack.get_path("/v1/me").token(&account.token).expect(403)?.problem("mfa-required")?;
    account.enroll(stack)?;
    account.sign_in(stack)?;
    for path in ["/v1/me", "/v1/grants", "/v1/access-requests"] {
        stack.get_path(path).token(&account.token).expect(403)?.problem("not-verified")?;
    }
    rule(stack, hospital, &id.to_string(), "verify").expect(200)?;
    stack.get_path("/v1/me").token(&account.token).expect(200).map(|_| ())
}

#[test]
fn only_the_hospitals_own_admin_may() -> Outcome {
    let stack = Stack::get()?;
    let hospital = &Ward::get(stack)?.hospital;
    let foreign = Hospital::open(stack, "St. Elsewhere")?;
    let doctor = hospital.doctor(stack, "Dr. Amara Osei")?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let mut calls = vec![
        list(stack, hospital, ""),
        invite(stack, hospital, &invitation(&cast::address("doctor"))),
    ];
    calls.extend(
        ["verify", "suspend", "reinstate"].map(|verb| rule(stack, hospital, &doctor.id, verb)),
    );
    for call in calls {
        call.clone().without("Authorization").expect(401)?;
        call.clone().token(patient.token()).expect(403)?.problem("wrong-role")?;
        call.clone().token(doctor.token()).expect(403)?.problem("wrong-role")?;
        call.clone().token(&foreign.admin.account.token).expect(404)?.problem("not-found")?;
    }
    ensure(standing(stack, hospital, &doctor.id)? == "active", "nothing changed")?;
    i10_absence(stack, hospital, &foreign, &doctor)
}

/// What is another hospital's answers exactly as what does not exist (I10).
fn i10_absence(stack: &Stack, hospital: &Hospital, foreign: &Hospital, doctor: &Doctor) -> Outcome {
    let nobody = "0190a6f0-3c1e-7b52-9d41-0c5a7e2f8a10";
    let unknown = rule(stack, hospital, nobody, "verify").expect(404)?;
    let elsewhere = rule(stack, foreign, &doctor.id, "verify").expect(404)?;
    let theirs = rule(stack, hospital, &doctor.id, "verify");
    let theirs = theirs.token(&foreign.admin.account.token).expect(404)?;
    let no_hospital = stack.post(&format!("/v1/hospitals/{nobody}/doctors/{nobody}/verify"));
    let no_hospital = no_hospital.token(&hospital.admin.account.token).expect(404)?;
    for answer in [elsewhere, theirs, no_hospital] {
        ensure(answer.told() == unknown.told(), format!("{:?}", answer.told()))?;
    }
    Ok(())
}

#[test]
fn malformed_requests_are_refused_with_every_error_at_once() -> Outcome {
    let stack = Stack::get()?;
    let hospital = &Ward::get(stack)?.hospital;
    let long = "x".repeat(300);
    let bad =
        json!({ "email": "x", "name": " ", "licence": long, "specialty": 7, "role": "admin" });
    let answer = invite(stack, hospital, &bad).without("Idempotency-Key").expect(400)?;
    let wrong = answer.wrong();
    ensure(
        wrong == ["/email", "/name", "/licence", "/specialty", "Idempotency-Key", ""],
        format!("{wrong:?}"),
    )?;
    for (query, wrong) in [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?limit=x", "limit"),
        ("?standing=idle", "standing"),
        ("?cursor=abc", "cursor"),
        ("?q=x", "q"),
        ("?limit=1&limit=2", "limit"),
    ] {
        let answer = list(stack, hospital, query).expect(400)?;
        ensure(answer.wrong() == [wrong], format!("{query}: {:?}", answer.wrong()))?;
    }
    for doctor in ["x", "0190A6F0-3C1E-7B52-9D41-0C5A7E2F8A10"] {
        let answer = rule(stack, hospital, doctor, "verify").expect(400)?;
        ensure(answer.wrong() == ["doctorId"], format!("{:?}", answer.wrong()))?;
    }
    let answer = stack.get_path("/v1/hospitals/x/doctors").token(&hospital.admin.account.token);
    ensure(answer.expect(400)?.wrong() == ["hospitalId"], "the hospital's id is named")
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
    for n in 0..6 {
        let id = invited(stack, &hospital)?;
        if n % 2 == 0 {
            rule(stack, &hospital, &id, "verify").expect(200)?;
        }
        doctors.insert(0, (id, n % 2 == 0));
    }
    for (filter, only) in
        [("", None), ("&standing=active", Some(true)), ("&standing=invited", Some(false))]
    {
        let expected: Vec<_> = doctors
            .iter()
            .filter(|(_, active)| only.is_none_or(|o| o == *active))
            .map(|(id, _)| id.as_str())
            .collect();
        for limit in [1, 2, 3, 100] {
            let token = &hospital.admin.account.token;
            let all = cast::pages(
                stack,
                token,
                &hospital.path(&format!("/doctors?limit={limit}{filter}")),
            )?;
            let ids: Vec<_> = all.iter().filter_map(|item| item["id"].as_str()).collect();
            ensure(ids == expected, format!("{filter} by {limit}"))?;
        }
        let page = list(stack, &hospital, &format!("?limit=3{filter}")).expect(200)?;
        ensure(page.list("/items")?.len() == 3, "a page is whole")?;
        ensure(
            page.body.get("nextCursor").is_some() == (expected.len() > 3),
            "no cursor to nothing",
        )?;
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
    let stack = Stack::get()?;
    let hospital = &Ward::get(stack)?.hospital;
    let (email, password) = (cast::address("squatted"), cast::password());
    let squat = json!({ "email": email, "password": password, "name": "Mal Ory" });
    stack.post("/v1/accounts").json(&squat).expect(202)?;
    let mut account = hospital.invite_to(stack, "Dr. Amara Osei", &email)?.1;
    account.sign_in(stack)?;
    ensure(cast::claim(&account.token, "role").as_deref() == Some("doctor"), "the doctor's")?;
    let body = json!({ "email": email, "password": password });
    stack.post("/v1/sessions").json(&body).expect(401)?.problem("wrong-credentials")?;
    let body = json!({ "email": email, "code": "123456" });
    stack.post("/v1/accounts/confirm").json(&body).expect(400)?.problem("code-invalid")?;
    // So does a hospital's first admin.
    let admin = Account::new(cast::address("squatted"), cast::password());
    let squat = json!({ "email": admin.email, "password": password, "name": "Mal Ory" });
    stack.post("/v1/accounts").json(&squat).expect(202)?;
    Hospital::add_for(stack, "St. Elsewhere", "Ines Keller", &admin)?;
    admin.clone().sign_in(stack)
}

#[test]
fn i11_an_invitation_to_somebody_elses_address_is_seen_to_have_failed() -> Outcome {
    let stack = Stack::get()?;
    let hospital = &Ward::get(stack)?.hospital;
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

/// The stream's record of a doctor who was invited.
fn inserted(hospital: &Hospital, doctor: &str) -> Value {
    let key = json!({
        "PK": { "S": format!("HOSPITAL#{}", hospital.id) }, "SK": { "S": format!("DOCTOR#{doctor}") },
    });
    json!({ "Records": [stream_record("INSERT", "100", &key)] })
}

#[test]
fn i7_an_invitation_seen_twice_is_sent_once() -> Outcome {
    let stack = Stack::get()?;
    let hospital = &Ward::get(stack)?.hospital;
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
    let stack = Stack::get()?;
    let hospital = &Ward::get(stack)?.hospital;
    let (doctor, account) = hospital.invite(stack, "Dr. Amara Osei")?;
    // As if the function had ended between Cognito's answer and its own note of it.
    let key = json!({
        "PK": { "S": format!("HOSPITAL#{}", hospital.id) }, "SK": { "S": format!("DOCTOR#{doctor}") },
    });
    poll("the note that it was sent", || {
        let get = json!({ "TableName": stack.output("TableName")?, "Key": key });
        let item = stack.aws("dynamodb", "DynamoDB_20120810.GetItem", &get)?;
        Ok(item["Item"].get("sent_at").map(|_| ()))
    })?;
    let forget = json!({
        "TableName": stack.output("TableName")?, "Key": key, "UpdateExpression": "REMOVE sent_at",
    });
    stack.aws("dynamodb", "DynamoDB_20120810.UpdateItem", &forget)?;
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
        let delete = json!({ "TableName": stack.output("TableName")?, "Key": key });
        stack.aws("dynamodb", "DynamoDB_20120810.DeleteItem", &delete)?;
    }
    ensure(add("St. Brendan's", &admin)? == first, "the same ids as before")?;
    let mut admin = admin;
    admin.sign_in(stack)?;
    admin.enroll(stack)?;
    admin.sign_in(stack)?;
    let me = stack.get_path("/v1/me").token(&admin.token).expect(200)?;
    ensure(me.text("/hospital/name")? == "St. Brendan's", "the hospital is whole")
}
