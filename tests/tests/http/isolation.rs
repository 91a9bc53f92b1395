//! Attacks every operation as everybody who must not get in: nobody, somebody with a forged, an
//! expired or an ID token, a stranger, the wrong role, staff without a second factor, an
//! unverified, a revoked and a suspended doctor, another hospital's admin (I1, I5, I9, I10).

use domain::{
    names::Named,
    policy::{Action, Rule},
};
use serde_json::{Value, json};
use testkit::{
    Call, Doctor, Hospital, Outcome, Patient, Stack, Surprise,
    cast::{Account, reading},
    documents::Document,
    ensure, in_parallel, poll,
};

/// Who must not get in, and everything they would have to get at.
struct Scene {
    stack: &'static Stack,
    victim: Patient,
    record: String,
    request: String,
    grant: String,
    hospital: Hospital,
    colleague: Doctor,
    stranger: Patient,
    foreign: Hospital,
    revoked: Doctor,
    suspended: Doctor,
    unverified: Account,
    single_factor: Account,
    /// What the victim is told of a record that does not exist.
    absent: (u16, Value),
}

impl Scene {
    fn set() -> Outcome<Self> {
        let stack = Stack::get()?;
        let hospital = Hospital::open(stack, "Home")?;
        let foreign = Hospital::open(stack, "Elsewhere")?;
        let colleague = hospital.doctor(stack, "Dr. Colleague")?;
        let revoked = hospital.doctor(stack, "Dr. Revoked")?;
        let suspended = hospital.doctor(stack, "Dr. Suspended")?;
        let (_, mut single_factor) = hospital.invite(stack, "Dr. Single")?;
        single_factor.sign_in(stack)?;
        let (_, mut unverified) = hospital.invite(stack, "Dr. Unverified")?;
        unverified.sign_in_enrolled(stack)?;
        let victim = Patient::join(stack, "Vera Victim")?;
        let stranger = Patient::join(stack, "Stan Stranger")?;
        let record = victim.note(stack, "lab-report", "2026-01-01", "Hers", "hers alone")?;
        let grant = revoked.granted(stack, &victim, &reading(&["all"], 3600))?;
        let grant = grant["id"].as_str().unwrap_or_default().to_owned();
        stack.delete(&format!("/v1/grants/{grant}")).token(victim.token()).expect(204)?;
        suspended.granted(stack, &victim, &reading(&["all"], 3600))?;
        hospital.rule(stack, &suspended.id, "suspend")?;
        let live = colleague.granted(stack, &victim, &reading(&["all"], 3600))?;
        let grant = live["id"].as_str().unwrap_or_default().to_owned();
        let request = colleague.ask(stack, &victim, &reading(&["imaging"], 3600))?;
        let absent = victim.path("/records/01900000-0000-7000-8000-000000000000");
        let absent = stack.get_path(&absent).token(victim.token()).expect(404)?.told();
        Ok(Self {
            stack,
            victim,
            record,
            request,
            grant,
            hospital,
            colleague,
            stranger,
            foreign,
            revoked,
            suspended,
            unverified,
            single_factor,
            absent,
        })
    }

    /// A well-formed call of an operation, aimed at the victim or the home hospital.
    fn call(&self, action: Action) -> Option<Call> {
        let stack = self.stack;
        let record = self.victim.path(&format!("/records/{}", self.record));
        let doctor = self.hospital.path(&format!("/doctors/{}", self.colleague.id));
        let mut asked = reading(&["lab-report"], 3600);
        asked["patientId"] = json!(self.victim.id);
        let file = Document::new("a.txt", "text/plain", b"a".to_vec());
        let invitation = json!({
            "email": "x@example.org", "name": "X", "licence": "1", "specialty": "None",
        });
        Some(match action {
            Action::SessionRevoke => stack.delete("/v1/sessions"),
            Action::MfaEnroll => stack.post("/v1/me/mfa").json(&json!({ "password": "x" })),
            Action::MfaVerify => {
                stack.post("/v1/me/mfa/verify").json(&json!({ "password": "x", "code": "000000" }))
            }
            Action::ProfileGet => stack.get_path("/v1/me"),
            Action::DoctorInvite => stack.post(&self.hospital.path("/doctors")).json(&invitation),
            Action::DoctorList => stack.get_path(&self.hospital.path("/doctors")),
            Action::DoctorVerify => stack.post(&format!("{doctor}/verify")).json(&json!({})),
            Action::DoctorSuspend => stack.post(&format!("{doctor}/suspend")).json(&json!({})),
            Action::DoctorReinstate => stack.post(&format!("{doctor}/reinstate")).json(&json!({})),
            Action::UploadCreate => {
                stack.post(&self.victim.path("/uploads")).json(&file.declaration("other", "No"))
            }
            Action::UploadWithdraw => stack.delete(&format!("{record}/upload")),
            Action::RecordList => stack.get_path(&self.victim.path("/records")),
            Action::RecordGet => stack.get_path(&record),
            Action::RecordText => stack.get_path(&format!("{record}/text")),
            Action::RecordDownload => stack.get_path(&format!("{record}/content")),
            Action::AccessRequestCreate => stack.post("/v1/access-requests").json(&asked),
            Action::AccessRequestList => stack.get_path("/v1/access-requests"),
            Action::AccessRequestDecide => stack
                .post(&format!("/v1/access-requests/{}/decision", self.request))
                .json(&json!({ "decision": "approve" })),
            Action::AccessRequestWithdraw => {
                stack.delete(&format!("/v1/access-requests/{}", self.request))
            }
            Action::GrantList => stack.get_path("/v1/grants"),
            Action::GrantRevoke => stack.delete(&format!("/v1/grants/{}", self.grant)),
            Action::AuditList => stack.get_path(&self.victim.path("/audit")),
            _ => return None,
        })
    }

    /// Each attacker by name, with their token and the answers that keep them out of `action`.
    fn attackers(&self, action: Action) -> Vec<Attacker<'_>> {
        let stranger = self.stranger.token();
        let [own, foreign] = [&self.hospital, &self.foreign].map(|one| one.admin.token.as_str());
        let (revoked, suspended) = (self.revoked.token(), self.suspended.token());
        let (unverified, single) =
            (self.unverified.token.as_str(), self.single_factor.token.as_str());
        let out: &[u16] = &[403, 404];
        let mut all: Vec<Attacker<'_>> = Vec::new();
        if action.rule() != Rule::Session {
            all.push(("a suspended doctor", Some(suspended), &[403]));
            all.push(("an unverified doctor", Some(unverified), &[403]));
            all.push(("staff without a second factor", Some(single), &[403]));
        }
        match action.rule() {
            Rule::Vault(_) | Rule::List(_) => {
                all.push(("a stranger", Some(stranger), &[404]));
                all.push(("a revoked doctor", Some(revoked), &[404]));
                all.push(("another hospital's admin", Some(foreign), out));
                all.push(("her own hospital's admin", Some(own), out));
            }
            Rule::Owner => {
                all.push(("a stranger", Some(stranger), &[404]));
                all.push(("a revoked doctor", Some(revoked), out));
                all.push(("a doctor with a grant", Some(self.colleague.token()), out));
                all.push(("another hospital's admin", Some(foreign), out));
            }
            Rule::Hospital => {
                all.push(("another hospital's admin", Some(foreign), &[404]));
                all.push(("a doctor of the hospital", Some(self.colleague.token()), &[403]));
                all.push(("a patient", Some(stranger), &[403]));
            }
            Rule::Ask => {
                all.push(("a patient", Some(stranger), &[403]));
                all.push(("an admin", Some(foreign), &[403]));
            }
            Rule::Asker => {
                all.push(("a patient", Some(stranger), &[403]));
                all.push(("an admin", Some(foreign), &[403]));
                all.push(("another doctor", Some(revoked), &[404]));
            }
            Rule::OwnConsent => all.push(("an admin", Some(foreign), &[403])),
            Rule::Own | Rule::Session | Rule::Public | Rule::System => {}
        }
        all
    }
}

/// A token with one character of its signature changed.
fn forged(token: &str) -> String {
    let mut forged = token.to_owned();
    let last = if forged.ends_with('A') { 'B' } else { 'A' };
    forged.truncate(forged.len() - 5);
    forged.extend([last; 5]);
    forged
}

/// A token of a patient (`IdToken`, `AccessToken`) for an app, straight from Cognito.
fn token(stack: &Stack, patient: &Patient, app: &str, kind: &str) -> Outcome<String> {
    let body = json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": app,
        "AuthParameters": { "USERNAME": patient.account.email, "PASSWORD": patient.account.password },
    });
    let answer = stack.cognito("InitiateAuth", &body)?;
    let token = answer["AuthenticationResult"][kind].as_str();
    token.map(str::to_owned).ok_or_else(|| Surprise(format!("no {kind}")))
}

/// An access token whose time has passed. An app of its own has it, which Cognito would let live
/// for five minutes at least; the local one takes seconds.
fn expired(stack: &Stack, patient: &Patient) -> Outcome<String> {
    let app = json!({
        "UserPoolId": stack.output("UserPoolId")?, "ClientName": "brief",
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        "AccessTokenValidity": 20, "TokenValidityUnits": { "AccessToken": "seconds" },
    });
    let app = stack.cognito("CreateUserPoolClient", &app)?;
    let app = app["UserPoolClient"]["ClientId"].as_str().unwrap_or_default().to_owned();
    let token = token(stack, patient, &app, "AccessToken")?;
    let me = stack.get_path("/v1/me").token(&token);
    me.expect(200)?;
    poll("the token to expire", || Ok((me.send()?.status == 401).then_some(())))?;
    Ok(token)
}

/// Somebody who must not get in, with their token and the answers that keep them out.
type Attacker<'a> = (&'static str, Option<&'a str>, &'static [u16]);

impl Scene {
    /// Attacks an operation as everybody, one after the other; answers how many attacks there were.
    fn attack(&self, action: Action, tokenless: &[Attacker<'_>]) -> Outcome<usize> {
        let Some(call) = self.call(action) else { return Ok(0) };
        let known = self.attackers(action);
        for (who, token, out) in tokenless.iter().chain(&known) {
            let call = token.map_or(call.clone(), |token| call.clone().token(token));
            let (answer, name) = (call.send()?, action.name());
            ensure(out.contains(&answer.status), format!("{who} into {name}: {}", answer.status))?;
            if answer.status == 401 {
                answer.problem("unauthenticated")?;
            }
            // I10: nothing tells what is another's from what does not exist.
            let alike = answer.status != 404 || answer.told() == self.absent;
            ensure(alike, format!("{who} into {name}: {:?}", answer.told()))?;
            let told = String::from_utf8_lossy(&answer.bytes).into_owned();
            let silent = !told.contains("Hers") && !told.contains("Vera");
            ensure(silent, format!("{name} tells {told}"))?;
        }
        Ok(tokenless.len() + known.len())
    }
}

#[test]
fn i9_nobody_gets_into_any_operation_who_must_not() -> Outcome {
    let scene = Scene::set()?;
    let app = scene.stack.output("UserPoolClientId")?;
    let id_token = token(scene.stack, &scene.victim, app, "IdToken")?;
    let (forged, expired) = (forged(scene.victim.token()), expired(scene.stack, &scene.victim)?);
    let tokenless: [Attacker<'_>; 5] = [
        ("nobody", None, &[401]),
        ("a forger", Some(&forged), &[401]),
        ("an ID token", Some(&id_token), &[401]),
        ("an expired token", Some(&expired), &[401]),
        ("nonsense", Some("nonsense"), &[401]),
    ];
    let closed = |action: &Action| !matches!(action.rule(), Rule::Public | Rule::System);
    let all: Vec<_> = Action::NAMES.iter().map(|(action, _)| *action).filter(closed).collect();
    let attacks = in_parallel(all.clone(), |action| scene.attack(action, &tokenless))?;
    for (action, attacks) in all.iter().zip(&attacks) {
        ensure(*attacks > 0, format!("{} is attacked", action.name()))?;
    }
    println!("{} attacks on {} operations", attacks.iter().sum::<usize>(), attacks.len());
    nothing_happened(&scene)
}

/// None of it changed anything: the grant stands, the request waits, the doctor may act.
fn nothing_happened(scene: &Scene) -> Outcome {
    let Scene { stack, victim, colleague, .. } = scene;
    let list = stack.get_path(&victim.path("/records")).token(colleague.token()).expect(200)?;
    ensure(list.list("/items")?.len() == 1, "one record, and the grant stands")?;
    let waiting = stack.get_path("/v1/access-requests?status=pending").token(victim.token());
    ensure(waiting.expect(200)?.list("/items")?.len() == 1, "the request waits")?;
    let trail = victim.audit(stack)?;
    let refused: Vec<&Value> = trail.iter().filter(|entry| entry["outcome"] == "refused").collect();
    // I2: four ways into the vault, by a stranger, a revoked and a suspended doctor at least.
    ensure(refused.len() >= 15, format!("the refusals are on record: {}", refused.len()))
}
