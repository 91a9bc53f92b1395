//! Accounts: registering, confirming, and the vault that is opened by it.

use serde_json::json;
use testkit::{
    Answer, Hospital, Outcome, Patient, Stack,
    cast::{self, Account, mailed_code},
    ensure, in_parallel,
    operator::key,
};

fn register(stack: &Stack, email: &str) -> Outcome<Answer> {
    stack.post("/v1/accounts").json(&json!({ "email": email })).send()
}

/// Somebody who registered, with a password in mind.
fn registered(stack: &Stack) -> Outcome<Account> {
    let account = Account::new(cast::address("new"), cast::password());
    register(stack, &account.email)?.expect(202)?;
    Ok(account)
}

/// A patient who signed in, and whose account this is.
fn patient(stack: &Stack, mut account: Account) -> Outcome<Patient> {
    account.sign_in(stack)?;
    Ok(Patient { id: cast::claim(&account.token, "person").unwrap_or_default(), account })
}

/// The audit entries of a patient's vault about its opening.
fn openings(stack: &Stack, patient: &Patient) -> Outcome<usize> {
    let trail = patient.audit(stack)?;
    Ok(trail.iter().filter(|e| e["sentence"] == "Your vault was opened.").count())
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
fn whoever_registers_an_address_first_decides_nothing() -> Outcome {
    let stack = Stack::get()?;
    let (email, theirs) = (cast::address("owner"), cast::password());
    let attack = json!({ "email": email, "password": theirs, "name": "Mal Ory" });
    stack.post("/v1/accounts").json(&attack).expect(400)?;
    register(stack, &email)?.expect(202)?;
    let owner = Account::new(email.clone(), cast::password());
    owner.confirm(stack, &mailed_code(stack, &email)?, "Ana Lima")?.expect(204)?;
    let body = json!({ "email": email, "password": theirs });
    stack.post("/v1/sessions").json(&body).expect(401)?.problem("wrong-credentials")?;
    let patient = patient(stack, owner)?;
    let me = stack.get_path("/v1/me").token(patient.token()).expect(200)?;
    ensure(me.body["name"] == "Ana Lima", "the owner's name")
}

#[test]
fn nobody_signs_up_at_cognito_itself() -> Outcome {
    let stack = Stack::get()?;
    let email = cast::address("direct");
    let body = json!({
        "ClientId": stack.output("UserPoolClientId")?, "Username": email,
        "Password": cast::password(),
        "UserAttributes": [
            { "Name": "email", "Value": email }, { "Name": "name", "Value": "Mal Ory" },
        ],
    });
    let refused = stack.cognito("SignUp", &body);
    ensure(refused.is_err_and(|why| why.0.contains("SignUp is not permitted")), "refused")
}

#[test]
fn registering_a_known_address_looks_like_registering_a_new_one() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let email = cast::address("new");
    let new = register(stack, &email)?.expect(202)?;
    let waiting = register(stack, &email)?;
    let known = register(stack, &patient.account.email)?;
    let staff = Hospital::add(stack, "St. Elsewhere", "Ines Keller")?.1;
    let staff = register(stack, &staff.email)?;
    for answer in [waiting, known, staff] {
        ensure(answer.told() == new.told(), format!("{:?}", answer.told()))?;
    }
    patient.account.clone().sign_in(stack)
}

#[test]
fn registering_again_sends_a_code_that_ends_the_one_before() -> Outcome {
    let stack = Stack::get()?;
    let account = registered(stack)?;
    let first = mailed_code(stack, &account.email)?;
    register(stack, &account.email)?.expect(202)?;
    let second = mailed_code(stack, &account.email)?;
    ensure(first != second, "another code")?;
    account.confirm(stack, &first, "Ana Lima")?.expect(400)?.problem("code-invalid")?;
    account.confirm(stack, &second, "Ana Lima")?.expect(204).map(|_| ())
}

#[test]
fn a_code_is_taken_however_it_is_typed() -> Outcome {
    let stack = Stack::get()?;
    let account = registered(stack)?;
    let code = mailed_code(stack, &account.email)?;
    let arabic = |c: char| c.to_digit(10).and_then(|n| char::from_u32(0x660 + n)).unwrap_or(c);
    let typed: String = code.replace("Mv-", " mv").replace('-', " ").chars().map(arabic).collect();
    account.confirm(stack, &format!("{typed}\n"), "Ana Lima")?.expect(204)?;
    patient(stack, account).map(|_| ())
}

#[test]
fn wrong_used_and_unknown_codes_are_answered_alike() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let account = registered(stack)?;
    let code = mailed_code(stack, &account.email)?;
    let wrong = account.confirm(stack, "Mv-0000-0000-0000", "Ana Lima")?.expect(400)?;
    wrong.problem("code-invalid")?;
    let used = mailed_code(stack, &patient.account.email)?;
    let used = patient.account.confirm(stack, &used, "Ana Lima")?;
    let password = patient.account.confirm(stack, &patient.account.password, "Ana Lima")?;
    let nobody = Account::new(cast::address("nobody"), cast::password());
    let unknown = nobody.confirm(stack, &code, "Ana Lima")?;
    let no_code = account.confirm(stack, "abc def!", "Ana Lima")?;
    for answer in [used, password, unknown, no_code] {
        ensure(answer.told() == wrong.told(), format!("{:?}", answer.told()))?;
    }
    account.confirm(stack, &code, "Ana Lima")?.expect(204).map(|_| ())
}

#[test]
fn a_code_signs_nobody_in_and_is_no_password() -> Outcome {
    let stack = Stack::get()?;
    let mut account = registered(stack)?;
    let code = mailed_code(stack, &account.email)?;
    let body = json!({ "email": account.email, "password": code });
    stack.post("/v1/sessions").json(&body).expect(401)?.problem("wrong-credentials")?;
    // Nor at Cognito itself without a name, or with one that could pose as something else.
    let client = stack.output("UserPoolClientId")?;
    let begin = json!({ "ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": account.email, "PASSWORD": code } });
    let asked = stack.cognito("InitiateAuth", &begin)?;
    let answer = json!({ "USERNAME": account.email, "NEW_PASSWORD": account.password });
    let body = json!({ "ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED",
        "Session": asked["Session"], "ChallengeResponses": answer });
    let refused = stack.cognito("RespondToAuthChallenge", &body);
    ensure(refused.is_err_and(|why| why.0.contains("name is missing")), "not without a name")?;
    let password = std::mem::replace(&mut account.password, code.clone());
    let same = account.confirm(stack, &code, "Ana Lima")?.expect(400)?;
    ensure(same.wrong() == ["/password"], format!("{:?}", same.wrong()))?;
    account.password = password;
    let named = account.confirm(stack, &code, "Ana\u{202e}amiL")?.expect(400)?;
    ensure(named.wrong() == ["/name"], format!("{:?}", named.wrong()))?;
    account.confirm(stack, &code, "Ana Lima")?.expect(204)?;
    patient(stack, account).map(|_| ())
}

#[test]
fn i7_an_address_confirmed_by_many_at_once_gets_one_vault() -> Outcome {
    let stack = Stack::get()?;
    let account = Account::new(cast::address("crowd"), cast::password());
    let statuses = in_parallel(0..6, |_| Ok(register(stack, &account.email)?.status))?;
    ensure(statuses.iter().all(|status| *status == 202), format!("{statuses:?}"))?;
    let code = mailed_code(stack, &account.email)?;
    let confirmed = in_parallel(0..6, |_| Ok(account.confirm(stack, &code, "Ana Lima")?.status))?;
    let (done, rest): (Vec<_>, Vec<_>) = confirmed.into_iter().partition(|s| *s == 204);
    ensure(!done.is_empty() && rest.iter().all(|s| *s == 400), format!("{done:?} {rest:?}"))?;
    ensure(openings(stack, &patient(stack, account)?)? == 1, "one vault was opened")
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
fn a_password_is_the_same_from_every_keyboard() -> Outcome {
    let stack = Stack::get()?;
    let mut account = registered(stack)?;
    let code = mailed_code(stack, &account.email)?;
    account.password = "Cafe\u{301}-Noir-1927".into();
    account.confirm(stack, &code, "Ana Lima")?.expect(204)?;
    account.password = "Caf\u{e9}-Noir-1927".into();
    patient(stack, account).map(|_| ())
}

#[test]
fn i9_a_token_of_ours_changes_nothing_at_cognito() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let token = patient.token();
    let scope = cast::claim(token, "scope").unwrap_or_default();
    ensure(scope == "medivault/api", format!("one scope, ours: {scope}"))?;
    let address = json!([{ "Name": "email", "Value": cast::address("other") }]);
    let app = json!({ "Enabled": true, "PreferredMfa": true });
    let calls = [
        ("GetUser", json!({})),
        ("DeleteUser", json!({})),
        ("GlobalSignOut", json!({})),
        ("AssociateSoftwareToken", json!({})),
        ("VerifySoftwareToken", json!({ "UserCode": "000000" })),
        ("SetUserMFAPreference", json!({ "SoftwareTokenMfaSettings": app })),
        ("UpdateUserAttributes", json!({ "UserAttributes": address })),
        (
            "ChangePassword",
            json!({ "PreviousPassword": patient.account.password, "ProposedPassword": cast::password() }),
        ),
    ];
    for (operation, mut body) in calls {
        body["AccessToken"] = json!(token);
        let refused = stack.cognito(operation, &body);
        let why = refused.err().map(|why| why.0).unwrap_or_default();
        ensure(why.contains("NotAuthorizedException"), format!("{operation}: {why}"))?;
    }
    patient.account.clone().sign_in(stack)
}

#[test]
fn i11_a_vault_whose_sign_in_was_lost_is_bound_to_another() -> Outcome {
    let stack = Stack::get()?;
    let mut patient = Patient::join(stack, "Ana Lima")?;
    patient.account.enroll(stack)?;
    patient.account.sign_in(stack)?;
    let note = patient.note(stack, "lab-report", "2026-01-01", "Before", "before")?;
    let other = Patient::join(stack, "Bob Reyes")?;
    let taken = bind(stack, &patient.id, &other.account.email);
    ensure(taken.is_err_and(|why| why.0.contains("account of somebody else")), "not another's")?;
    let nobody = uuid::Uuid::now_v7().to_string();
    let none = bind(stack, &nobody, &cast::address("new"));
    ensure(none.is_err_and(|why| why.0.contains("no vault")), "no vault, no account")?;
    // To a new address, which somebody else registered; then, after another loss, to the same.
    let lost = patient.account.clone();
    let new = cast::address("new");
    register(stack, &new)?.expect(202)?;
    for times in 1..=2 {
        let account = Account::new(new.clone(), cast::password());
        bind(stack, &patient.id, &new)?;
        account.confirm(stack, &mailed_code(stack, &new)?, "Somebody Else")?.expect(204)?;
        let bound = self::patient(stack, account)?;
        ensure(bound.id == patient.id, "the vault's id")?;
        let record = patient.path(&format!("/records/{note}"));
        stack.get_path(&record).token(bound.token()).expect(200)?;
        let me = stack.get_path("/v1/me").token(bound.token()).expect(200)?;
        ensure(me.body["name"] == "Ana Lima", "the vault keeps its name")?;
        ensure(me.body["email"] == new.as_str(), "and has the new address")?;
        let said = "Your vault was bound to a new sign-in after you proved who you are.";
        let trail = bound.audit(stack)?;
        let told = trail.iter().filter(|entry| entry["sentence"] == said).count();
        ensure(told == times, format!("{told} entries"))?;
        for ended in [&lost, &patient.account] {
            let body = json!({ "refreshToken": ended.refresh });
            stack.post("/v1/sessions/refresh").json(&body).expect(401)?;
            let body = json!({ "email": ended.email, "password": ended.password });
            stack.post("/v1/sessions").json(&body).expect(401)?;
        }
        patient.account = bound.account;
    }
    Ok(())
}

fn bind(stack: &Stack, patient: &str, email: &str) -> Outcome<String> {
    stack.operate(&["vault-bind", "--patient", patient, "--email", email])
}
