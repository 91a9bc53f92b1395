//! Sessions and second factors.

use serde_json::{Value, json};
use testkit::{Answer, Hospital, Outcome, Patient, Stack, cast, ensure};

fn sign_in(stack: &Stack, email: &str, password: &str) -> Outcome<Answer> {
    stack.post("/v1/sessions").json(&json!({ "email": email, "password": password })).send()
}

fn refresh(stack: &Stack, token: &str) -> Outcome<Answer> {
    stack.post("/v1/sessions/refresh").json(&json!({ "refreshToken": token })).send()
}

fn answer(stack: &Stack, body: &Value) -> Outcome<Answer> {
    stack.post("/v1/sessions/challenge").json(body).send()
}

/// A code that is not the right one.
fn other_code(code: &str) -> String {
    let first = if code.starts_with('0') { "1" } else { "0" };
    code.chars()
        .enumerate()
        .map(|(n, c)| if n == 0 { first.into() } else { c.to_string() })
        .collect()
}

#[test]
fn a_session_has_an_access_token_and_nothing_personal_in_it() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ana Canary Lima")?;
    let account = &patient.account;
    let session = sign_in(stack, &account.email, &account.password)?.expect(200)?;
    ensure(session.body["status"] == "signed-in", "signed in")?;
    ensure(session.body["tokenType"] == "Bearer", "a bearer token")?;
    ensure(session.body["expiresIn"] == 900, "15 minutes")?;
    ensure(session.body.get("idToken").is_none(), "no id token")?;
    let token = session.text("/accessToken")?;
    ensure(cast::claim(token, "role").as_deref() == Some("patient"), "the role is in it")?;
    ensure(cast::claim(token, "person").as_deref() == Some(patient.id.as_str()), "and who")?;
    for absent in ["email", "name", "mfa", "hospital"] {
        ensure(cast::claim(token, absent).is_none(), format!("no {absent} in it"))?;
    }
    Ok(())
}

#[test]
fn wrong_passwords_and_unknown_addresses_are_answered_alike() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let wrong = sign_in(stack, &patient.account.email, &cast::password())?.expect(401)?;
    wrong.problem("wrong-credentials")?;
    let unknown = sign_in(stack, &cast::address("nobody"), &cast::password())?;
    let email = cast::address("new");
    stack.post("/v1/accounts").json(&json!({ "email": email })).expect(202)?;
    let unconfirmed = sign_in(stack, &email, &cast::password())?;
    for answer in [unknown, unconfirmed] {
        ensure(answer.told() == wrong.told(), format!("{:?}", answer.told()))?;
    }
    Ok(())
}

#[test]
fn a_session_is_refreshed_until_it_is_revoked() -> Outcome {
    let stack = Stack::get()?;
    let patient = Patient::join(stack, "Ana Lima")?;
    let other = {
        let mut other = patient.account.clone();
        other.sign_in(stack)?;
        other
    };
    let refreshed = refresh(stack, &other.refresh)?.expect(200)?;
    let token = refreshed.text("/accessToken")?;
    stack.get_path("/v1/me").token(token).expect(200)?;
    for _ in 0..2 {
        stack.delete("/v1/sessions").token(patient.token()).expect(204)?;
    }
    for ended in [&patient.account.refresh, &other.refresh] {
        refresh(stack, ended)?.expect(401)?.problem("session-ended")?;
    }
    refresh(stack, "no-token")?.expect(401)?.problem("session-ended")
}

#[test]
fn a_challenge_takes_what_it_asked_for_and_nothing_else() -> Outcome {
    let stack = Stack::get()?;
    let new = cast::password();
    let cases = [
        (json!({ "challenge": "mfa-code", "session": "x" }), vec!["/session", "/code"]),
        (
            json!({ "challenge": "mfa-code", "code": "000000", "newPassword": new }),
            vec!["/newPassword"],
        ),
        (
            json!({ "challenge": "new-password", "code": "000000", "newPassword": new }),
            vec!["/code"],
        ),
        (json!({ "challenge": "mfa-code", "code": "12345" }), vec!["/code"]),
        (json!({ "challenge": "new-password" }), vec!["/newPassword"]),
    ];
    for (mut body, wrong) in cases {
        if body["session"].is_null() {
            body["session"] = json!("YQ.x");
        }
        let answer = answer(stack, &body)?.expect(400)?;
        ensure(answer.wrong() == wrong, format!("{body}: {:?}", answer.wrong()))?;
    }
    Ok(())
}

#[test]
fn a_temporary_password_must_be_replaced_once() -> Outcome {
    let stack = Stack::get()?;
    let (_, account) = Hospital::add(stack, "St. Elsewhere", "Ines Keller")?;
    let asked = sign_in(stack, &account.email, &account.password)?.expect(200)?;
    ensure(asked.body["status"] == "challenge", "something is asked for")?;
    ensure(asked.body["challenge"] == "new-password", "a new password")?;
    ensure(asked.body.get("accessToken").is_none(), "no token yet")?;
    let session = asked.text("/session")?;
    let same = json!({
        "challenge": "new-password", "session": session, "newPassword": account.password,
    });
    let same = answer(stack, &same)?.expect(400)?;
    ensure(same.wrong() == ["/newPassword"], format!("not the same again: {:?}", same.wrong()))?;
    let password = cast::password();
    let body = json!({ "challenge": "new-password", "session": session, "newPassword": password });
    let signed_in = answer(stack, &body)?.expect(200)?;
    let token = signed_in.text("/accessToken")?;
    ensure(cast::claim(token, "role").as_deref() == Some("hospital-admin"), "an admin")?;
    ensure(cast::claim(token, "mfa").as_deref() == Some("false"), "without a second factor")?;
    answer(stack, &body)?.expect(401)?.problem("sign-in-ended")?;
    sign_in(stack, &account.email, &account.password)?.expect(401).map(|_| ())
}

#[test]
fn a_session_string_serves_nobody_else() -> Outcome {
    let stack = Stack::get()?;
    let (_, victim) = Hospital::add(stack, "St. Elsewhere", "Ines Keller")?;
    let (_, thief) = Hospital::add(stack, "St. Nowhere", "Mal Ory")?;
    let theirs = sign_in(stack, &victim.email, &victim.password)?.expect(200)?;
    let own = sign_in(stack, &thief.email, &thief.password)?.expect(200)?;
    let split = |text: &str| text.split_once('.').map(|(n, s)| (n.to_owned(), s.to_owned()));
    let (name, _) = split(theirs.text("/session")?).unwrap_or_default();
    let (_, session) = split(own.text("/session")?).unwrap_or_default();
    for session in [format!("{name}.{session}"), format!("{name}.forged")] {
        let body = json!({
            "challenge": "new-password", "session": session, "newPassword": cast::password(),
        });
        answer(stack, &body)?.expect(401)?.problem("sign-in-ended")?;
    }
    let mut victim = victim;
    victim.sign_in(stack)
}

#[test]
fn i9_staff_without_a_second_factor_can_only_set_it_up() -> Outcome {
    let stack = Stack::get()?;
    let (doctors, mut admin) = Hospital::newcomer(stack)?;
    for path in ["/v1/me", doctors.as_str(), "/v1/grants"] {
        stack.get_path(path).token(&admin.token).expect(403)?.problem("mfa-required")?;
    }
    let early = admin.clone();
    admin.enroll(stack)?;
    // The token from before still says that there was no second factor, and its session is over.
    stack.get_path("/v1/me").token(&early.token).expect(403)?.problem("mfa-required")?;
    refresh(stack, &early.refresh)?.expect(401)?.problem("session-ended")?;
    admin.sign_in(stack)?;
    ensure(cast::claim(&admin.token, "mfa").as_deref() == Some("true"), "passed")?;
    stack.get_path(&doctors).token(&admin.token).expect(200)?;
    let refreshed = refresh(stack, &admin.refresh)?.expect(200)?;
    stack.get_path(&doctors).token(refreshed.text("/accessToken")?).expect(200).map(|_| ())
}

#[test]
fn a_second_factor_is_enrolled_by_its_code_and_asked_for_ever_after() -> Outcome {
    let stack = Stack::get()?;
    let (_, mut admin) = Hospital::newcomer(stack)?;
    let enroll = stack.post("/v1/me/mfa").token(&admin.token);
    let wrong = enroll.clone().json(&json!({ "password": cast::password() }));
    wrong.expect(403)?.problem("wrong-password")?;
    let begun = enroll.json(&json!({ "password": admin.password })).expect(200)?;
    let (secret, uri) = (begun.text("/secret")?, begun.text("/otpauthUri")?);
    ensure(uri.starts_with("otpauth://totp/MediVault:"), uri)?;
    ensure(uri.contains(&format!("secret={secret}")), "the address holds the secret")?;
    let verify = stack.post("/v1/me/mfa/verify").token(&admin.token);
    let proof = |password: &str, code: &str| json!({ "password": password, "code": code });
    let wrong = verify.clone().key("a").json(&proof(&admin.password, "000000")).expect(400)?;
    wrong.problem("code-invalid")?;
    let wrong = verify.clone().key("b").json(&proof(&cast::password(), "000000")).expect(403)?;
    wrong.problem("wrong-password")?;
    let wrong = verify.key("c").json(&proof(&admin.password, "abcdef")).expect(400)?;
    ensure(wrong.wrong() == ["/code"], format!("{:?}", wrong.wrong()))?;
    // A wrong code enrolled nothing.
    let again = sign_in(stack, &admin.email, &admin.password)?.expect(200)?;
    ensure(again.body["status"] == "signed-in", "no code is asked for yet")?;
    admin.enroll(stack)?;
    let asked = sign_in(stack, &admin.email, &admin.password)?.expect(200)?;
    ensure(asked.body["challenge"] == "mfa-code", "a code is asked for")?;
    let wrong = other_code(&admin.code()?);
    let session = asked.text("/session")?;
    let body = json!({ "challenge": "mfa-code", "session": session, "code": wrong });
    answer(stack, &body)?.expect(400)?.problem("code-invalid")?;
    admin.sign_in(stack)
}

#[test]
fn a_code_of_an_app_opens_one_sign_in_however_it_is_typed() -> Outcome {
    let stack = Stack::get()?;
    let (_, mut admin) = Hospital::newcomer(stack)?;
    admin.enroll(stack)?;
    let code = admin.code()?;
    let arabic = code.chars().filter_map(|c| char::from_u32(0x660 + c.to_digit(10)?));
    let typed: String = arabic.collect::<String>() + " ";
    for (typed, status) in [(&typed, 200), (&code, 400)] {
        let asked = sign_in(stack, &admin.email, &admin.password)?.expect(200)?;
        let session = asked.text("/session")?;
        let body = json!({ "challenge": "mfa-code", "session": session, "code": typed });
        let answered = answer(stack, &body)?.expect(status)?;
        if status == 400 {
            answered.problem("code-invalid")?;
        }
    }
    Ok(())
}
