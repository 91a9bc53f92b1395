//! I9: what a second factor keeps out, and that nobody gets round it: by racing its enrolment, by
//! going to Cognito itself, or with a token that was stolen.

use std::sync::{
    Barrier,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use testkit::{
    Hospital, Outcome, Patient, Stack, cast,
    cast::Account,
    ensure, in_parallel,
    operator::{key, stream_record},
    poll,
};

/// Switches the asking for codes on or off at Cognito itself.
fn switch(stack: &Stack, token: &str, on: bool) -> Outcome<Value> {
    let app = json!({ "Enabled": on, "PreferredMfa": on });
    let body = json!({ "AccessToken": token, "SoftwareTokenMfaSettings": app });
    stack.cognito("SetUserMFAPreference", &body)
}

/// A new session at Cognito itself: access and refresh token, if the password was enough.
fn by_password(stack: &Stack, account: &Account) -> Outcome<Option<(String, String)>> {
    let body = json!({
        "ClientId": stack.output("UserPoolClientId")?, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": account.email, "PASSWORD": account.password },
    });
    let tokens = &stack.cognito("InitiateAuth", &body)?["AuthenticationResult"];
    let text = |name: &str| tokens[name].as_str().map(str::to_owned);
    Ok(text("AccessToken").zip(text("RefreshToken")))
}

/// A token with Cognito's own scope, as only functions have it.
fn functions_token(stack: &Stack, account: &Account) -> Outcome<String> {
    let body = json!({
        "UserPoolId": stack.output("UserPoolId")?,
        "ClientId": stack.variables("mfa_enroll")?["CLIENT_ID"],
        "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": account.email, "PASSWORD": account.password },
    });
    let tokens = &stack.cognito("AdminInitiateAuth", &body)?["AuthenticationResult"];
    let token = tokens["AccessToken"].as_str().unwrap_or_default().to_owned();
    ensure(
        cast::claim(&token, "scope").as_deref() == Some("aws.cognito.signin.user.admin"),
        "own",
    )?;
    Ok(token)
}

/// The access token of a session that is refreshed, unless it has ended.
fn refreshed(stack: &Stack, token: &str) -> Outcome<Option<String>> {
    let body = json!({ "refreshToken": token });
    let answer = stack.post("/v1/sessions/refresh").json(&body).send()?;
    Ok(answer.body["accessToken"].as_str().map(str::to_owned))
}

fn mfa(token: &str) -> Option<String> {
    cast::claim(token, "mfa")
}

fn kept_out(stack: &Stack, path: &str, token: &str) -> Outcome {
    ensure(mfa(token).as_deref() == Some("false"), "the token says that no code was asked for")?;
    stack.get_path(path).token(token).expect(403)?.problem("mfa-required")
}

/// Enrols `account`, signs in with a code, and gets in.
fn let_in_once_enrolled(stack: &Stack, path: &str, account: &mut Account) -> Outcome {
    account.enroll(stack)?;
    account.sign_in(stack)?;
    stack.get_path(path).token(&account.token).expect(200).map(|_| ())
}

/// Enrols `account` while `attack` goes on in several threads, from before it begins until it is
/// over; what those found.
fn enrol_under<T: Send>(
    stack: &Stack,
    account: &mut Account,
    attack: impl Fn(usize) -> Outcome<Option<T>> + Sync,
) -> Outcome<Vec<T>> {
    const THREADS: usize = 4;
    let (over, begun) = (AtomicBool::new(false), Barrier::new(THREADS + 1));
    std::thread::scope(|scope| {
        let (over, begun, attack) = (&over, &begun, &attack);
        let threads = (0..THREADS).map(|n| {
            scope.spawn(move || {
                let first = attack(n);
                begun.wait();
                let mut found: Vec<T> = first?.into_iter().collect();
                loop {
                    found.extend(attack(n)?);
                    if over.load(Ordering::Relaxed) {
                        return Ok(found);
                    }
                }
            })
        });
        let threads: Vec<_> = threads.collect();
        begun.wait();
        let enrolled = account.enroll(stack);
        over.store(true, Ordering::Relaxed);
        let found: Outcome<Vec<Vec<T>>> =
            threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        enrolled?;
        Ok(found?.into_iter().flatten().collect())
    })
}

#[test]
fn i9_a_refresh_during_enrolment_never_carries_mfa_over() -> Outcome {
    let stack = Stack::get()?;
    for _ in 0..4 {
        let (doctors, mut admin) = Hospital::newcomer(stack)?;
        let early = admin.refresh.clone();
        let found = enrol_under(stack, &mut admin, |_| refreshed(stack, &early))?;
        ensure(!found.is_empty(), "the attack ran")?;
        for token in found {
            kept_out(stack, &doctors, &token)?;
        }
        ensure(refreshed(stack, &early)?.is_none(), "the session from before has ended")?;
        admin.sign_in(stack)?;
        stack.get_path(&doctors).token(&admin.token).expect(200)?;
    }
    Ok(())
}

#[test]
fn i9_a_password_used_during_enrolment_never_passes_for_the_second_factor() -> Outcome {
    let stack = Stack::get()?;
    for round in 0..6 {
        let (doctors, mut admin) = Hospital::newcomer(stack)?;
        let early = admin.clone();
        // They sign in; in every other round one switches the asking for codes off meanwhile, with a
        // token from before.
        let found = enrol_under(stack, &mut admin, |n| match n {
            0 if round % 2 == 0 => Ok(switch(stack, &early.token, false).ok().and(None)),
            _ => by_password(stack, &early),
        })?;
        ensure(!found.is_empty(), "the attack ran")?;
        for (token, refresh) in found {
            kept_out(stack, &doctors, &token)?;
            // What is still open tries to have it switched on again.
            switch(stack, &token, true).ok();
            if let Some(later) = refreshed(stack, &refresh)? {
                kept_out(stack, &doctors, &later)?;
            }
        }
    }
    Ok(())
}

#[test]
fn i9_enrolling_directly_at_cognito_opens_nothing() -> Outcome {
    let stack = Stack::get()?;
    let (doctors, mut admin) = Hospital::newcomer(stack)?;
    // No client has a token for it; even with one that only functions have, nothing is gained.
    let token = functions_token(stack, &admin)?;
    let begun = stack.cognito("AssociateSoftwareToken", &json!({ "AccessToken": token }))?;
    admin.hold(begun["SecretCode"].as_str().unwrap_or_default());
    let code = json!({ "AccessToken": token, "UserCode": admin.code()? });
    stack.cognito("VerifySoftwareToken", &code)?;
    switch(stack, &token, true)?;
    kept_out(stack, &doctors, &refreshed(stack, &admin.refresh)?.unwrap())?;
    // Nor does a sign-in with its codes: we have not ended what was open before.
    admin.sign_in(stack)?;
    kept_out(stack, &doctors, &admin.token)?;
    asking(stack, &admin, false)?;
    let_in_once_enrolled(stack, &doctors, &mut admin)
}

#[test]
fn i9_a_factor_cannot_be_switched_off_with_a_token() -> Outcome {
    let stack = Stack::get()?;
    let (doctors, mut admin) = Hospital::newcomer(stack)?;
    let scope = |token: &str| cast::claim(token, "scope").unwrap_or_default();
    let early = admin.token.clone();
    admin.enroll(stack)?;
    admin.sign_in(stack)?;
    let later = refreshed(stack, &admin.refresh)?.unwrap();
    for token in [&early, &admin.token, &later] {
        ensure(scope(token) == "medivault/api", scope(token))?;
    }
    for token in [&early, &admin.token, &later] {
        let with = json!({ "AccessToken": token });
        ensure(switch(stack, token, false).is_err(), "not switched off")?;
        for operation in ["AssociateSoftwareToken", "GetUser", "DeleteUser", "GlobalSignOut"] {
            let asked = stack.cognito(operation, &with);
            ensure(asked.is_err(), format!("{operation} is not the token's"))?;
        }
    }
    ensure(by_password(stack, &admin)?.is_none(), "a code is still asked for")?;
    stack.get_path(&doctors).token(&later).expect(200)?;
    stack.delete("/v1/sessions").token(&later).expect(204)?;
    ensure(refreshed(stack, &admin.refresh)?.is_none(), "signed out, though not by the token")
}

#[test]
fn i9_a_factor_in_use_is_not_replaced() -> Outcome {
    let stack = Stack::get()?;
    let (_, mut admin) = Hospital::newcomer(stack)?;
    admin.enroll(stack)?;
    admin.sign_in(stack)?;
    let mut patient = Patient::join(stack, "Ana Lima")?;
    patient.account.enroll(stack)?;
    patient.account.sign_in(stack)?;
    for account in [&mut admin, &mut patient.account] {
        let body = json!({ "password": account.password });
        let enroll = stack.post("/v1/me/mfa").token(&account.token).json(&body);
        enroll.expect(409)?.problem("mfa-enrolled")?;
        let code = json!({ "password": account.password, "code": "000000" });
        let again = stack.post("/v1/me/mfa/verify").token(&account.token).json(&code);
        again.expect(409)?.problem("mfa-enrolled")?;
        account.sign_in(stack)?;
    }
    Ok(())
}

/// Writes how far an enrolment has come, as `table_stream` does.
fn mark(stack: &Stack, account: &Account, mark: &str) -> Outcome {
    let mark = json!([{ "Name": "custom:mfa", "Value": mark }]);
    let pool = stack.output("UserPoolId")?;
    let body = json!({ "UserPoolId": pool, "Username": account.email, "UserAttributes": mark });
    stack.cognito("AdminUpdateUserAttributes", &body).map(|_| ())
}

/// Switches the asking for codes on or off, as the operator.
fn asking(stack: &Stack, account: &Account, on: bool) -> Outcome {
    let app = json!({ "Enabled": on, "PreferredMfa": on });
    let mut body = json!({ "UserPoolId": stack.output("UserPoolId")?, "Username": account.email });
    body["SoftwareTokenMfaSettings"] = app;
    stack.cognito("AdminSetUserMFAPreference", &body).map(|_| ())
}

/// Puts a proof that `account` holds a second factor, given at `at`.
fn put_proof(stack: &Stack, account: &Account, at: domain::Timestamp) -> Outcome<Value> {
    let sub = cast::claim(&account.token, "sub").unwrap();
    let key = key(&format!("ACCOUNT#{sub}"), &format!("FACTOR#{}", uuid::Uuid::now_v7()));
    let mut proof = key.clone();
    proof["proven_at"] = json!({ "S": at.to_string() });
    proof["expires_at"] = json!({ "N": (at.as_second() + 24 * 60 * 60).to_string() });
    stack.dynamo("PutItem", json!({ "Item": proof }))?;
    Ok(key)
}

/// Waits until every proof of `account` has been taken.
fn all_taken(stack: &Stack, account: &Account) -> Outcome {
    let of = format!("ACCOUNT#{}", cast::claim(&account.token, "sub").unwrap());
    poll("the proofs to be taken", || {
        let proofs = stack.partition(&of)?;
        Ok(proofs.iter().all(|item| item.get("taken_at").is_some()).then_some(()))
    })
}

/// The stream's record of a proof.
fn told_of(key: &Value) -> Value {
    json!({ "Records": [stream_record("INSERT", "100", key)] })
}

/// The stream tells of a proof, and no code is asked for after it.
fn told_in_vain(stack: &Stack, key: &Value, account: &Account) -> Outcome {
    let done = stack.invoke("table_stream", &told_of(key))?;
    ensure(done == json!({ "batchItemFailures": [] }), format!("{done}"))?;
    ensure(by_password(stack, account)?.is_some(), "no code is asked for")
}

/// Begins to enrol and proves the app at Cognito itself, so that nothing of ours knows.
fn prove_elsewhere(stack: &Stack, account: &mut Account) -> Outcome {
    account.begin_factor(stack)?;
    let token = functions_token(stack, account)?;
    let code = json!({ "AccessToken": token, "UserCode": account.code()? });
    stack.cognito("VerifySoftwareToken", &code).map(|_| ())
}

#[test]
fn i11_an_enrolment_that_was_cut_short_is_completed() -> Outcome {
    let stack = Stack::get()?;
    let (doctors, mut admin) = Hospital::newcomer(stack)?;
    prove_elsewhere(stack, &mut admin)?;
    // As if it had ended after its first step: whoever signs in meanwhile has no second factor.
    mark(stack, &admin, "held")?;
    let held = refreshed(stack, &admin.refresh)?.unwrap();
    kept_out(stack, &doctors, &held)?;
    let early = admin.refresh.clone();
    put_proof(stack, &admin, domain::Timestamp::now())?;
    admin.factor_in_use(stack)?;
    ensure(refreshed(stack, &early)?.is_none(), "the session from before has ended")?;
    ensure(by_password(stack, &admin)?.is_none(), "a code is asked for")?;
    all_taken(stack, &admin)?;
    admin.sign_in(stack)?;
    stack.get_path(&doctors).token(&admin.token).expect(200).map(|_| ())
}

#[test]
fn i11_an_enrolment_that_cannot_be_is_as_if_it_had_not_begun() -> Outcome {
    let stack = Stack::get()?;
    let (doctors, mut admin) = Hospital::newcomer(stack)?;
    // There is no app: Cognito will never ask for its codes.
    put_proof(stack, &admin, domain::Timestamp::now())?;
    all_taken(stack, &admin)?;
    admin.sign_in(stack)?;
    kept_out(stack, &doctors, &admin.token)?;
    let_in_once_enrolled(stack, &doctors, &mut admin)
}

#[test]
fn i11_a_factor_that_was_reset_is_enrolled_anew() -> Outcome {
    let stack = Stack::get()?;
    let (doctors, mut admin) = Hospital::newcomer(stack)?;
    admin.enroll(stack)?;
    all_taken(stack, &admin)?;
    // As the operator resets a lost one (docs/OPERATIONS.md).
    asking(stack, &admin, false)?;
    mark(stack, &admin, "")?;
    ensure(by_password(stack, &admin)?.is_some(), "no code is asked for")?;
    admin.sign_in(stack)?;
    kept_out(stack, &doctors, &admin.token)?;
    // An old proof brings back nothing.
    let long_ago = domain::Timestamp::from_second(domain::Timestamp::now().as_second() - 90_000);
    let key = put_proof(stack, &admin, long_ago.unwrap())?;
    told_in_vain(stack, &key, &admin)?;
    // Nor does one that the operator took away.
    let newer =
        json!({ "PK": key["PK"], "SK": { "S": format!("FACTOR#{}", uuid::Uuid::now_v7()) } });
    told_in_vain(stack, &newer, &admin)?;
    let_in_once_enrolled(stack, &doctors, &mut admin)
}

#[test]
fn i9_a_proof_that_comes_again_opens_nothing_and_ends_nothing() -> Outcome {
    let stack = Stack::get()?;
    let (doctors, mut admin) = Hospital::newcomer(stack)?;
    admin.enroll(stack)?;
    all_taken(stack, &admin)?;
    admin.sign_in(stack)?;
    put_proof(stack, &admin, domain::Timestamp::now())?;
    all_taken(stack, &admin)?;
    let later = refreshed(stack, &admin.refresh)?.unwrap();
    stack.get_path(&doctors).token(&later).expect(200)?;
    // Had the asking been switched off, a session without a code must gain nothing by it.
    asking(stack, &admin, false)?;
    let (_, refresh) = by_password(stack, &admin)?.unwrap();
    put_proof(stack, &admin, domain::Timestamp::now())?;
    all_taken(stack, &admin)?;
    kept_out(stack, &doctors, &refreshed(stack, &refresh)?.unwrap())
}

#[test]
fn i7_a_proof_sent_again_is_answered_again() -> Outcome {
    let stack = Stack::get()?;
    let (_, mut admin) = Hospital::newcomer(stack)?;
    admin.begin_factor(stack)?;
    let code = json!({ "password": admin.password, "code": admin.code()? });
    let prove = stack.post("/v1/me/mfa/verify").token(&admin.token).key("same");
    let first = prove.clone().json(&code).expect(202)?;
    admin.factor_in_use(stack)?;
    let again = prove.clone().json(&code).expect(202)?;
    ensure(first.bytes == again.bytes, "the same answer")?;
    let other = json!({ "password": admin.password, "code": "000000" });
    prove.json(&other).expect(422)?.problem("idempotency-key-reused")
}

#[test]
fn i7_proofs_at_once_are_one_enrolment() -> Outcome {
    let stack = Stack::get()?;
    let (doctors, mut admin) = Hospital::newcomer(stack)?;
    admin.begin_factor(stack)?;
    let code = json!({ "password": admin.password, "code": admin.code()? });
    let prove = stack.post("/v1/me/mfa/verify").token(&admin.token).json(&code);
    in_parallel(0..2, |_| prove.clone().key("same").expect(202))?;
    // With another key it is another request, whose code is used up or whose session has ended.
    let status = prove.key("other").send()?.status;
    ensure([400, 401, 409].contains(&status), format!("{status}"))?;
    all_taken(stack, &admin)?;
    admin.sign_in(stack)?;
    stack.get_path(&doctors).token(&admin.token).expect(200).map(|_| ())
}

#[test]
fn i2_a_second_factor_is_on_record() -> Outcome {
    let stack = Stack::get()?;
    let mut patient = Patient::join(stack, "Ana Lima")?;
    patient.account.enroll(stack)?;
    patient.account.sign_in(stack)?;
    let trail = patient.audit(stack)?;
    let entries = trail.iter().filter(|entry| entry["action"] == "mfa_verify");
    let said: Vec<_> = entries.map(|entry| entry["sentence"].clone()).collect();
    ensure(said == [json!("You confirmed a second factor for signing in.")], format!("{said:?}"))
}

#[test]
fn i9_a_mark_counts_only_while_codes_are_asked_for_and_never_after_a_new_password() -> Outcome {
    let stack = Stack::get()?;
    let (_, mut admin) = Hospital::newcomer(stack)?;
    admin.enroll(stack)?;
    let user = json!({ "UserPoolId": stack.output("UserPoolId")?, "Username": admin.email });
    let found = stack.cognito("AdminGetUser", &user)?;
    let attributes = found["UserAttributes"].as_array().unwrap().iter();
    let attributes: serde_json::Map<_, _> = attributes
        .map(|one| (one["Name"].as_str().unwrap_or_default().to_owned(), one["Value"].clone()))
        .collect();
    let said = |source: &str| {
        let event = json!({
            "version": "2", "triggerSource": source, "userPoolId": user["UserPoolId"],
            "userName": found["Username"], "callerContext": { "clientId": "apps" }, "request": { "userAttributes": attributes },
            "response": {},
        });
        let back = stack.invoke("cognito_pre_token", &event)?;
        let token = &back["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"];
        Ok::<_, testkit::Surprise>(token["claimsToAddOrOverride"]["mfa"] == "true")
    };
    ensure(said("TokenGeneration_Authentication")?, "passed")?;
    ensure(said("TokenGeneration_RefreshTokens")?, "passed")?;
    ensure(!said("TokenGeneration_NewPasswordChallenge")?, "not by a new password")?;
    let mut off = user.clone();
    off["SoftwareTokenMfaSettings"] = json!({ "Enabled": false });
    stack.cognito("AdminSetUserMFAPreference", &off)?;
    ensure(!said("TokenGeneration_Authentication")?, "codes are no longer asked for")?;
    ensure(!said("TokenGeneration_RefreshTokens")?, "nor for this session")
}

#[test]
fn i9_nobody_marks_their_own_account() -> Outcome {
    let stack = Stack::get()?;
    let (_, admin) = Hospital::newcomer(stack)?;
    let mark = json!([{ "Name": "custom:mfa", "Value": "on" }]);
    let body = json!({ "AccessToken": admin.token, "UserAttributes": mark });
    ensure(stack.cognito("UpdateUserAttributes", &body).is_err(), "not the client's to write")
}
