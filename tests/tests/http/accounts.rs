//! Accounts: registering, confirming, and the vault that is opened by it.

use serde_json::{Value, json};
use testkit::{Answer, Outcome, Patient, Stack, cast, ensure, in_parallel, operator::key};

fn register(stack: &Stack, email: &str, password: &str) -> Outcome<Answer> {
    let body = json!({ "email": email, "password": password, "name": "Ana Lima" });
    stack.post("/v1/accounts").json(&body).send()
}

fn confirm(stack: &Stack, email: &str, code: &str) -> Outcome<Answer> {
    stack.post("/v1/accounts/confirm").json(&json!({ "email": email, "code": code })).send()
}

/// The audit entries of a patient's vault about its opening.
fn openings(stack: &Stack, patient: &Patient) -> Outcome<usize> {
    let trail = patient.audit(stack)?;
    Ok(trail.iter().filter(|e| e["action"] == "cognito_post_confirmation").count())
}

fn confirmation(stack: &Stack, source: &str, sub: &str) -> Outcome<Value> {
    Ok(json!({
        "version": "1", "triggerSource": source, "region": stack.region,
        "userPoolId": stack.output("UserPoolId")?, "userName": sub,
        "callerContext": { "awsSdkVersion": "x", "clientId": stack.output("UserPoolClientId")? },
        "request": { "userAttributes": {
            "sub": sub, "email": "other@example.org", "name": "Somebody Else",
            "cognito:user_status": "CONFIRMED", "email_verified": "true",
        } },
        "response": {},
    }))
}

#[test]
fn a_patient_registers_confirms_and_has_a_vault() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let me = stack.get_path("/v1/me").token(patient.token()).expect(200)?;
    ensure(me.body["id"] == patient.id.as_str(), "the profile has the patient's id")?;
    ensure(me.body["role"] == "patient", "the profile says patient")?;
    ensure(me.body["name"] == "Ana Lima", "the profile has the name")?;
    ensure(me.body["email"] == patient.account.email.as_str(), "the profile has the address")?;
    ensure(me.body.get("hospital").is_none(), "a patient has no hospital")?;
    ensure(openings(stack, &patient)? == 1, "the opening is on record once")
}

#[test]
fn registering_a_known_address_looks_like_registering_a_new_one() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let email = cast::address("new");
    let new = register(stack, &email, &cast::password())?.expect(202)?;
    let waiting = register(stack, &email, &cast::password())?;
    let known = register(stack, &patient.account.email, &cast::password())?;
    for answer in [waiting, known] {
        ensure(answer.told() == new.told(), format!("{:?}", answer.told()))?;
    }
    patient.account.clone().sign_in(stack)
}

#[test]
fn wrong_used_and_unknown_codes_are_answered_alike() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let email = cast::address("new");
    register(stack, &email, &cast::password())?.expect(202)?;
    let wrong = confirm(stack, &email, "000000")?.expect(400)?;
    wrong.problem("code-invalid")?;
    let used = confirm(stack, &patient.account.email, "123456")?;
    let unknown = confirm(stack, &cast::address("nobody"), "123456")?;
    let no_code = confirm(stack, &email, "abc def!")?;
    for answer in [used, unknown, no_code] {
        ensure(answer.told() == wrong.told(), format!("{:?}", answer.told()))?;
    }
    confirm(stack, &email, "123456")?.expect(204).map(|_| ())
}

#[test]
fn i7_an_address_confirmed_by_many_at_once_gets_one_vault() -> Outcome {
    let stack = Stack::get()?;
    let (email, password) = (cast::address("crowd"), cast::password());
    let registered = in_parallel(0..6, |_| Ok(register(stack, &email, &password)?.status))?;
    ensure(registered.iter().all(|status| *status == 202), format!("{registered:?}"))?;
    let confirmed = in_parallel(0..6, |_| Ok(confirm(stack, &email, "123456")?.status))?;
    let (done, rest): (Vec<_>, Vec<_>) = confirmed.into_iter().partition(|s| *s == 204);
    ensure(!done.is_empty() && rest.iter().all(|s| *s == 400), format!("{done:?} {rest:?}"))?;
    let mut account = cast::Account::new(email, password);
    account.sign_in(stack)?;
    let id = cast::claim(&account.token, "sub").unwrap_or_default();
    ensure(openings(stack, &Patient { id, account })? == 1, "one vault was opened")
}

#[test]
fn i7_a_confirmation_that_comes_twice_changes_nothing() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let event = confirmation(stack, "PostConfirmation_ConfirmSignUp", &patient.id)?;
    for _ in 0..2 {
        let back = stack.invoke("cognito_post_confirmation", &event)?;
        ensure(back == event, "Cognito gets its event back")?;
    }
    let me = stack.get_path("/v1/me").token(patient.token()).expect(200)?;
    ensure(me.body["name"] == "Ana Lima", "the profile is as it was")?;
    ensure(openings(stack, &patient)? == 1, "the opening is on record once")
}

#[test]
fn a_replaced_password_opens_no_vault() -> Outcome {
    let stack = Stack::get()?;
    let sub = "0190a6f0-3c1e-4b52-9d41-0c5a7e2f8a10";
    let event = confirmation(stack, "PostConfirmation_ConfirmForgotPassword", sub)?;
    let back = stack.invoke("cognito_post_confirmation", &event)?;
    ensure(back == event, "Cognito gets its event back")?;
    let items = stack.items()?;
    ensure(!items.iter().any(|item| item.to_string().contains(sub)), "nothing was written")
}

#[test]
fn i11_a_vault_whose_opening_failed_is_opened_at_sign_in() -> Outcome {
    let stack = Stack::get()?;
    let mut patient = Patient::join(stack, "Ana Lima")?;
    let vault = key(&format!("PATIENT#{}", patient.id), "VAULT");
    stack.dynamo("DeleteItem", json!({ "Key": vault }))?;
    patient.account.sign_in(stack)?;
    let me = stack.get_path("/v1/me").token(patient.token()).expect(200)?;
    ensure(me.body["name"] == "Ana Lima", "the vault is there, with the profile")
}

#[test]
fn an_address_changes_only_once_it_is_proven() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let other = cast::address("other");
    let body = json!({
        "AccessToken": patient.token(), "UserAttributes": [{ "Name": "email", "Value": other }],
    });
    stack.cognito("UpdateUserAttributes", &body)?;
    let user = stack.cognito("GetUser", &json!({ "AccessToken": patient.token() }))?;
    let told = user["UserAttributes"].to_string();
    ensure(told.contains(&patient.account.email) && !told.contains(&other), told)?;
    patient.account.clone().sign_in(stack)
}
