//! A request's life over HTTP: one at a time, withdrawn, ended by the clock, decided or not.

use serde_json::{Value, json};
use testkit::{
    Outcome, Patient, Stack, Ward,
    cast::{pages, reading},
    ensure,
    operator::key,
};

fn scene(name: &str) -> Outcome<(&'static Stack, &'static Ward, Patient)> {
    let stack = Stack::get()?;
    Ok((stack, Ward::get(stack)?, Patient::join(stack, name)?))
}

fn states(stack: &Stack, token: &str) -> Outcome<Vec<Value>> {
    let all = pages(stack, token, "/v1/access-requests?limit=10")?;
    Ok(all.into_iter().map(|request| request["status"].clone()).collect())
}

#[test]
fn a_doctor_has_one_open_request_and_may_take_it_back() -> Outcome {
    let (stack, ward, patient) = scene("Wanda Withdraw")?;
    let request = ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
    let path = format!("/v1/access-requests/{request}");
    stack.delete(&path).token(ward.other.token()).expect(404)?.problem("not-found")?;
    stack.delete(&path).token(patient.token()).expect(403)?.problem("wrong-role")?;
    for _ in 0..2 {
        stack.delete(&path).token(ward.doctor.token()).expect(204)?;
    }
    patient
        .decide(stack, &request, &json!({ "decision": "approve" }))?
        .expect(409)?
        .problem("request-ended")?;
    let second = ward.doctor.ask(stack, &patient, &reading(&["lab-report"], 3600))?;
    let told = states(stack, patient.token())?;
    ensure(told == ["pending", "withdrawn"], format!("{told:?}"))?;
    patient.decide(stack, &second, &json!({ "decision": "approve" }))?.expect(200)?;
    let path = format!("/v1/access-requests/{second}");
    stack.delete(&path).token(ward.doctor.token()).expect(409)?.problem("already-decided")?;
    let trail = patient.audit(stack)?;
    let withdrawn = trail.iter().filter(|e| e["action"] == "access_request_withdraw");
    let told: Vec<_> = withdrawn.map(|e| e["reason"].clone()).collect();
    ensure(told == ["no-such-request", "wrong-role", "duty"], format!("{told:?}"))
}

#[test]
fn i4_a_request_ends_after_thirty_days_by_the_clock() -> Outcome {
    let (stack, ward, patient) = scene("Otto Old")?;
    let request = ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
    let vault = format!("PATIENT#{}", patient.id);
    for sort in [format!("REQUEST#{request}"), format!("ASKED#{}", ward.doctor.id)] {
        let past = json!({ ":past": { "S": "2026-01-01T00:00:00Z" } });
        let update = json!({
            "Key": key(&vault, &sort), "UpdateExpression": "SET ends_at = :past",
            "ExpressionAttributeValues": past,
        });
        stack.dynamo("UpdateItem", update)?;
    }
    ensure(states(stack, patient.token())? == ["expired"], "told as ended")?;
    let none = pages(stack, patient.token(), "/v1/access-requests?limit=5&status=pending")?;
    ensure(none.is_empty(), "none waits")?;
    let decision = json!({ "decision": "approve" });
    patient.decide(stack, &request, &decision)?.expect(409)?.problem("request-ended")?;
    let path = format!("/v1/access-requests/{request}");
    stack.delete(&path).token(ward.doctor.token()).expect(409)?.problem("request-ended")?;
    // Asking again takes its place.
    ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600)).map(|_| ())
}

#[test]
fn a_request_of_a_doctor_who_may_not_act_is_not_approved_in_silence() -> Outcome {
    let (stack, ward, patient) = scene("Sara Suspend")?;
    let doctor = ward.hospital.doctor(stack, "Dr. Sus Pended")?;
    let request = doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
    ward.hospital.rule(stack, &doctor.id, "suspend")?;
    let decide = |decision: Value| patient.decide(stack, &request, &decision);
    decide(json!({ "decision": "approve" }))?.expect(409)?.problem("doctor-not-active")?;
    ward.hospital.rule(stack, &doctor.id, "reinstate")?;
    decide(json!({ "decision": "approve" }))?.expect(200).map(|_| ())
}

#[test]
fn rejecting_takes_no_terms() -> Outcome {
    let (stack, ward, patient) = scene("Rea Reject")?;
    let request = ward.doctor.ask(stack, &patient, &reading(&["imaging"], 3600))?;
    let with = |name: &str, value: Value| {
        let answer = patient.decide(stack, &request, &json!({ "decision": "reject", name: value }));
        Ok::<_, testkit::Surprise>(answer?.expect(400)?.wrong())
    };
    ensure(with("terms", reading(&["imaging"], 3600))? == ["/terms"], "no terms")?;
    ensure(with("allowMore", json!(false))? == ["/allowMore"], "no more")?;
    patient.decide(stack, &request, &json!({ "decision": "reject" }))?.expect(200).map(|_| ())
}

#[test]
fn a_grant_says_how_many_reads_are_left_and_when_none_are() -> Outcome {
    let (stack, ward, patient) = scene("Lara Left")?;
    let mut terms = reading(&["all"], 3600);
    terms["maxReads"] = json!(2);
    ward.doctor.granted(stack, &patient, &terms)?;
    let told = |token: &str| {
        let grants = pages(stack, token, "/v1/grants?limit=50")?;
        let mine = grants.iter().find(|grant| grant["patientId"] == patient.id.as_str());
        let told = mine.map(|grant| (grant["status"].clone(), grant["readsLeft"].clone()));
        Ok::<_, testkit::Surprise>(told.unwrap_or_default())
    };
    let list = stack.get_path(&patient.path("/records")).token(ward.doctor.token());
    for left in [2, 1, 0] {
        let state = if left > 0 { "active" } else { "used-up" };
        for token in [patient.token(), ward.doctor.token()] {
            ensure(told(token)? == (json!(state), json!(left)), format!("{left} left"))?;
        }
        list.expect(if left > 0 { 200 } else { 404 })?;
    }
    Ok(())
}
