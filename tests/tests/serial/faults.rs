//! What happens when AWS itself fails: nothing is disclosed, nothing is lost, and a repetition
//! succeeds. KMS really refuses here (its key is switched off); a table that throttles and a Cognito
//! that breaks cannot be had from the local AWS, so the fault proxy stands in for those.

use serde_json::json;
use testkit::{
    Fault, Hospital, Outcome, Patient, Proxy, Stack, Surprise, Ward, cast, cast::Account,
    cast::reading, ensure, poll,
};

use crate::alone;

#[test]
fn i6_while_kms_refuses_nothing_is_disclosed_and_nothing_lost() -> Outcome {
    let (_alone, stack) = alone()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Karla Key")?;
    patient.note(stack, "lab-report", "2026-01-01", "Blood", "blood")?;
    ward.doctor.granted(stack, &patient, &reading(&["all"], 3600))?;
    // A function that is warm for a vault has its key for minutes; a new environment has not.
    restart(stack, "record_list")?;
    let key = json!({ "KeyId": stack.output("VaultKeyArn")? });
    stack.aws("kms", "TrentService.DisableKey", &key)?;
    let list = stack.get_path(&patient.path("/records")).token(ward.doctor.token());
    let refused = list.send();
    stack.aws("kms", "TrentService.EnableKey", &key)?;
    let refused = refused?.expect(503)?;
    refused.problem("unavailable")?;
    ensure(refused.headers.contains_key("retry-after"), "the caller is told to come again")?;
    let trail = patient.audit(stack)?;
    let disclosed = trail.iter().filter(|entry| entry["action"] == "record_list");
    ensure(disclosed.count() == 0, "nothing was disclosed, so nothing is on record")?;
    ensure(list.expect(200)?.list("/items")?.len() == 1, "then all is there again")
}

#[test]
fn i7_while_the_table_throttles_nothing_is_lost_and_a_repetition_succeeds() -> Outcome {
    let (_alone, stack) = alone()?;
    let ward = Ward::get(stack)?;
    let patient = Patient::join(stack, "Theo Throttle")?;
    let proxy = Proxy::before(stack)?;
    let before = proxy.divert(stack, "access_request_create", "DYNAMODB")?;
    let outcome = ask_through(stack, ward, &patient, &proxy);
    stack.set_variables("access_request_create", &before)?;
    outcome
}

fn ask_through(stack: &Stack, ward: &Ward, patient: &Patient, proxy: &Proxy) -> Outcome {
    let mut body = reading(&["imaging"], 3600);
    body["patientId"] = json!(patient.id);
    let ask = stack.post("/v1/access-requests").token(ward.doctor.token()).json(&body);
    // More refusals than the SDK's tries: the caller hears of it.
    proxy.fail_next(Fault::Throttled, 1000);
    ask.expect(503)?.problem("unavailable")?;
    // Fewer: the SDK's own retry is enough.
    proxy.fail_next(Fault::Throttled, 1);
    let asked = ask.expect(201)?;
    let again = ask.expect(201)?;
    ensure(asked.bytes == again.bytes, "once means once")?;
    let mine = stack.get_path("/v1/access-requests").token(patient.token()).expect(200)?;
    ensure(mine.list("/items")?.len() == 1, "one request came of it")
}

#[test]
fn i9_no_session_counts_before_the_earlier_ones_have_ended() -> Outcome {
    let (_alone, stack) = alone()?;
    let (_, mut admin) = Hospital::add(stack, "St. Elsewhere", "Ines Keller")?;
    admin.sign_in(stack)?;
    let proxy = Proxy::before(stack)?;
    let before = proxy.divert(stack, "table_stream", "COGNITO_IDENTITY_PROVIDER")?;
    proxy.break_every(Some("AdminUserGlobalSignOut"));
    let outcome = enrol_half(stack, &mut admin, &proxy);
    proxy.break_every(None);
    stack.set_variables("table_stream", &before)?;
    outcome?;
    // The stream has not given up (I11).
    admin.factor_in_use(stack)?;
    admin.sign_in(stack)?;
    ensure(cast::claim(&admin.token, "mfa").as_deref() == Some("true"), "now it counts")
}

/// Enrols as far as it goes while no session can be ended.
fn enrol_half(stack: &Stack, admin: &mut Account, proxy: &Proxy) -> Outcome {
    admin.begin_factor(stack)?;
    admin.prove(stack)?;
    admin.factor_is(stack, "held")?;
    poll("sessions not to be ended", || {
        Ok(proxy.counts().1.contains_key(&Fault::Broken).then_some(()))
    })?;
    let early = json!({ "refreshToken": admin.refresh });
    let early = stack.post("/v1/sessions/refresh").json(&early).expect(200)?;
    let counts = |token: &str| cast::claim(token, "mfa").as_deref() != Some("false");
    ensure(!counts(early.text("/accessToken")?), "a session from before")?;
    admin.sign_in(stack)?;
    ensure(!counts(&admin.token), "nor one that a code opened")
}

/// Ends a function's environments: the next request meets a cold one.
fn restart(stack: &Stack, operation: &str) -> Outcome {
    let mut changed = stack.variables(operation)?;
    changed["RESTARTED"] = json!(uuid::Uuid::now_v7().to_string());
    stack.set_variables(operation, &changed)
}

#[test]
fn i11_a_function_that_cannot_start_says_so() -> Outcome {
    let (_alone, stack) = alone()?;
    let before = stack.variables("audit_list")?;
    let mut broken = before.clone();
    broken.as_object_mut().ok_or_else(|| Surprise("variables".into()))?.remove("TABLE_NAME");
    stack.set_variables("audit_list", &broken)?;
    let patient = Patient::join(stack, "Ines Init")?;
    let answer = stack.get_path(&patient.path("/audit")).token(patient.token()).send();
    stack.set_variables("audit_list", &before)?;
    answer?.expect(503)?.problem("unavailable")?;
    stack.get_path(&patient.path("/audit")).token(patient.token()).expect(200).map(|_| ())
}
