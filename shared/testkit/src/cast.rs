//! The cast: patients, hospitals, admins and doctors, each made through the front door.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{DoctorId, HospitalId};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::{
    Answer, Outcome, Stack, Surprise,
    documents::{Document, begin, post_form, settled},
    poll,
};

/// A signed-in account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Email address.
    pub email: String,
    /// Password.
    pub password: String,
    /// Access token.
    pub token: String,
    /// Refresh token.
    pub refresh: String,
    secret: Option<String>,
}

/// A patient.
#[derive(Debug, Clone)]
pub struct Patient {
    /// Their id.
    pub id: String,
    /// Their account.
    pub account: Account,
}

/// A hospital.
#[derive(Debug, Clone)]
pub struct Hospital {
    /// Its id.
    pub id: String,
    /// Its first admin, with a second factor.
    pub admin: Account,
}

/// A doctor with a second factor.
#[derive(Debug, Clone)]
pub struct Doctor {
    /// Their id.
    pub id: String,
    /// Their account.
    pub account: Account,
}

/// An address nobody else has.
#[must_use]
pub fn address(of: &str) -> String {
    format!("{of}.{}@example.org", uuid::Uuid::now_v7().simple())
}

/// A password that meets the policy.
#[must_use]
pub fn password() -> String {
    format!("Aa1-{}", uuid::Uuid::now_v7().simple())
}

/// A claim of a token, unchecked.
#[must_use]
pub fn claim(token: &str, name: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims[name].as_str().map(str::to_owned)
}

impl Account {
    /// Signs in with the password, answering whatever challenges come.
    pub fn sign_in(&mut self, stack: &Stack) -> Outcome {
        let credentials = json!({ "email": self.email, "password": self.password });
        let mut answer = stack.post("/v1/sessions").json(&credentials).expect(200)?;
        while answer.text("/status")? == "challenge" {
            answer = self.answer(stack, &answer)?;
        }
        self.token = answer.text("/accessToken")?.to_owned();
        self.refresh = answer.text("/refreshToken")?.to_owned();
        Ok(())
    }

    fn answer(&mut self, stack: &Stack, asked: &Answer) -> Outcome<Answer> {
        let (session, challenge) = (asked.text("/session")?, asked.text("/challenge")?);
        let mut body = json!({ "session": session, "challenge": challenge });
        match challenge {
            "new-password" => {
                self.password = password();
                body["newPassword"] = json!(self.password);
            }
            _ => body["code"] = json!(self.code()?),
        }
        stack.post("/v1/sessions/challenge").json(&body).expect(200)
    }

    /// A code of this moment or the next (RFC 6238) that was not handed out before: Cognito takes
    /// each once.
    pub fn code(&self) -> Outcome<String> {
        static GIVEN: Mutex<BTreeSet<(String, u64)>> = Mutex::new(BTreeSet::new());
        let base32 = self.secret.as_ref().ok_or_else(|| Surprise("no second factor".into()))?;
        let secret = Secret::try_from_base32(base32).map_err(|e| Surprise(format!("{e:?}")))?;
        let totp = Builder::new().with_secret(secret).build_noncompliant();
        poll("a code that was not used", || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / 30;
            let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
            let step = (now..=now + 1).find(|step| given.insert((base32.clone(), *step)));
            Ok(step.map(|step| totp.generate(step * 30).to_string()))
        })
    }

    /// Enrols a second factor and waits until it is in use; the caller has to sign in again.
    pub fn enroll(&mut self, stack: &Stack) -> Outcome {
        self.begin_factor(stack)?;
        self.prove(stack)?;
        self.factor_in_use(stack)
    }

    /// Signs in for the first time, enrols a second factor, and signs in with it.
    pub fn sign_in_enrolled(&mut self, stack: &Stack) -> Outcome {
        self.sign_in(stack)?;
        self.enroll(stack)?;
        self.sign_in(stack)
    }

    /// Begins to enrol a second factor: holds the app that is to be proven.
    pub fn begin_factor(&mut self, stack: &Stack) -> Outcome {
        let body = json!({ "password": self.password });
        let begun = stack.post("/v1/me/mfa").token(&self.token).json(&body).expect(200)?;
        self.hold(begun.text("/secret")?);
        Ok(())
    }

    /// Proves the authenticator app by the code of this moment.
    pub fn prove(&self, stack: &Stack) -> Outcome {
        let body = json!({ "password": self.password, "code": self.code()? });
        stack.post("/v1/me/mfa/verify").token(&self.token).json(&body).expect(202).map(|_| ())
    }

    /// Waits until the second factor is in use, as the operator sees it.
    pub fn factor_in_use(&self, stack: &Stack) -> Outcome {
        self.factor_is(stack, "on")
    }

    /// Waits until the second factor has come as far as `mark` says.
    pub fn factor_is(&self, stack: &Stack, mark: &str) -> Outcome {
        let user = json!({ "UserPoolId": stack.output("UserPoolId")?, "Username": self.email });
        poll("the second factor to come into use", || {
            let found = stack.cognito("AdminGetUser", &user)?;
            let mut attributes = found["UserAttributes"].as_array().into_iter().flatten();
            let on = |one: &Value| one["Name"] == "custom:mfa" && one["Value"] == mark;
            Ok(attributes.any(on).then_some(()))
        })
    }

    /// The secret of the authenticator app that codes are made with.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// Sets password and name by the code that was mailed.
    pub fn confirm(&self, stack: &Stack, code: &str, name: &str) -> Outcome<Answer> {
        let body = json!({
            "email": self.email, "code": code, "password": self.password, "name": name,
        });
        stack.post("/v1/accounts/confirm").json(&body).send()
    }

    /// Takes the secret of an authenticator app, from now on the one that codes are made with.
    pub fn hold(&mut self, secret: &str) {
        self.secret = Some(secret.to_owned());
    }

    /// An account that has not signed in yet.
    #[must_use]
    pub fn new(email: String, password: String) -> Self {
        Self { email, password, token: String::new(), refresh: String::new(), secret: None }
    }
}

impl Patient {
    /// Registers, confirms by code and signs in.
    pub fn join(stack: &Stack, name: &str) -> Outcome<Self> {
        let mut account = Account::new(address("patient"), password());
        stack.post("/v1/accounts").json(&json!({ "email": account.email })).expect(202)?;
        account.confirm(stack, &mailed_code(stack, &account.email)?, name)?.expect(204)?;
        account.sign_in(stack)?;
        let id = claim(&account.token, "person").ok_or_else(|| Surprise("no person".into()))?;
        Ok(Self { id, account })
    }

    /// Their token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.account.token
    }

    /// A path below their vault.
    #[must_use]
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/patients/{}{rest}", self.id)
    }

    /// Their whole audit trail, oldest first.
    pub fn audit(&self, stack: &Stack) -> Outcome<Vec<Value>> {
        let mut all = self.pages(stack, "/audit?limit=100&fold=none")?;
        all.reverse();
        Ok(all)
    }

    /// Every item of a list below their vault, page by page.
    pub fn pages(&self, stack: &Stack, list: &str) -> Outcome<Vec<Value>> {
        pages(stack, self.token(), &self.path(list))
    }
}

/// Every item of a list, page by page; `path` has a query already.
pub fn pages(stack: &Stack, token: &str, path: &str) -> Outcome<Vec<Value>> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = stack.get_path(&format!("{path}{cursor}")).token(token).expect(200)?;
        all.extend(page.list("/items")?.clone());
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

impl Hospital {
    /// Bootstraps a hospital and its first admin as the operator does, without their first
    /// sign-in: the admin still has the temporary password.
    pub fn add(stack: &Stack, name: &str, admin: &str) -> Outcome<(HospitalId, Account)> {
        let account = Account::new(address("admin"), password());
        let id = Self::add_for(stack, name, admin, &account)?;
        Ok((id, account))
    }

    /// The same for an admin of the caller's choice.
    pub fn add_for(
        stack: &Stack,
        name: &str,
        admin: &str,
        account: &Account,
    ) -> Outcome<HospitalId> {
        let said = stack.operate(&[
            "hospital-add",
            "--name",
            name,
            "--admin-name",
            admin,
            "--admin-email",
            &account.email,
            "--temporary-password",
            &account.password,
        ])?;
        let id = said.lines().find_map(|line| line.strip_prefix("Hospital "));
        id.and_then(HospitalId::parse).ok_or_else(|| Surprise(format!("no hospital: {said}")))
    }

    /// An admin who has replaced the temporary password and has no second factor; and the path of
    /// the hospital's doctors, which only an admin with one may list.
    pub fn newcomer(stack: &Stack) -> Outcome<(String, Account)> {
        let (hospital, mut account) = Self::add(stack, "St. Elsewhere", "Ines Keller")?;
        account.sign_in(stack)?;
        Ok((format!("/v1/hospitals/{hospital}/doctors"), account))
    }

    /// A hospital whose admin has a second factor and is signed in with it.
    pub fn open(stack: &Stack, name: &str) -> Outcome<Self> {
        let (id, mut account) = Self::add(stack, name, "Ines Admin")?;
        account.sign_in_enrolled(stack)?;
        Ok(Self { id: id.to_string(), admin: account })
    }

    /// A path below the hospital.
    #[must_use]
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/hospitals/{}{rest}", self.id)
    }

    /// Invites a doctor and waits for the mail; they have not signed in yet.
    pub fn invite(&self, stack: &Stack, name: &str) -> Outcome<(DoctorId, Account)> {
        self.invite_to(stack, name, &address("doctor"))
    }

    /// The same for an address of the caller's choice.
    pub fn invite_to(
        &self,
        stack: &Stack,
        name: &str,
        email: &str,
    ) -> Outcome<(DoctorId, Account)> {
        let body = json!({
            "email": email, "name": name, "licence": "GMC 7654321", "specialty": "Cardiology",
        });
        let (token, before) = (&self.admin.token, stack.mail(email)?.len());
        let invited = stack.post(&self.path("/doctors")).token(token).json(&body).expect(201)?;
        let id = DoctorId::parse(invited.text("/doctorId")?);
        let password = mailed_code_after(stack, email, before)?;
        let id = id.ok_or_else(|| Surprise("no doctor id".into()))?;
        Ok((id, Account::new(email.to_owned(), password)))
    }

    /// What the admin does to a doctor: `verify`, `suspend` or `reinstate`.
    pub fn rule(&self, stack: &Stack, doctor: &str, verb: &str) -> Outcome<Answer> {
        let path = self.path(&format!("/doctors/{doctor}/{verb}"));
        stack.post(&path).token(&self.admin.token).json(&json!({})).expect(200)
    }

    /// A verified doctor, signed in with a second factor.
    pub fn doctor(&self, stack: &Stack, name: &str) -> Outcome<Doctor> {
        let (id, mut account) = self.invite(stack, name)?;
        account.sign_in_enrolled(stack)?;
        self.rule(stack, &id.to_string(), "verify")?;
        Ok(Doctor { id: id.to_string(), account })
    }
}

/// The code of the newest mail that has one; waits for it.
pub fn mailed_code(stack: &Stack, email: &str) -> Outcome<String> {
    mailed_code_after(stack, email, 0)
}

/// The same, of the mail after the first `before`.
fn mailed_code_after(stack: &Stack, email: &str, before: usize) -> Outcome<String> {
    let code = |mail: &String| {
        let (_, told) = mail.split_once(&format!("The code for {email} is "))?;
        told.split_whitespace().next().map(str::to_owned)
    };
    poll("a code by mail", || Ok(stack.mail(email)?.iter().skip(before).rev().find_map(code)))
}

impl Doctor {
    /// Their token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.account.token
    }

    /// Asks a patient for access; answers the request's id.
    pub fn ask(&self, stack: &Stack, patient: &Patient, terms: &Value) -> Outcome<String> {
        let mut body = terms.clone();
        body["patientId"] = json!(patient.id);
        let asked =
            stack.post("/v1/access-requests").token(self.token()).json(&body).expect(201)?;
        Ok(asked.text("/id")?.to_owned())
    }

    /// Asks a patient for access and has it approved as asked; answers the grant.
    pub fn granted(&self, stack: &Stack, patient: &Patient, terms: &Value) -> Outcome<Value> {
        let request = self.ask(stack, patient, terms)?;
        let decided = patient.decide(stack, &request, &json!({ "decision": "approve" }))?;
        Ok(decided.expect(200)?.body["grant"].clone())
    }
}

impl Patient {
    /// Decides on a request.
    pub fn decide(&self, stack: &Stack, request: &str, decision: &Value) -> Outcome<Answer> {
        let path = format!("/v1/access-requests/{request}/decision");
        stack.post(&path).token(self.token()).json(decision).send()
    }
}

/// Terms for reading records of `types` for `seconds`.
#[must_use]
pub fn reading(types: &[&str], seconds: u32) -> Value {
    json!({
        "actions": ["read"], "types": types, "purpose": "treatment", "durationSeconds": seconds,
    })
}

/// Access tokens live 15 minutes; a test has the other five.
const SIGN_IN_AFTER: Duration = Duration::from_secs(10 * 60);

/// The hospital that the tests of one binary share, with two doctors.
#[derive(Debug, Clone)]
pub struct Ward {
    /// The hospital.
    pub hospital: Hospital,
    /// A verified doctor.
    pub doctor: Doctor,
    /// Another verified doctor.
    pub other: Doctor,
}

impl Ward {
    /// Opens it on first use; everybody is signed in.
    pub fn get(stack: &Stack) -> Outcome<&'static Self> {
        static WARD: Mutex<Option<(Instant, &'static Ward)>> = Mutex::new(None);
        let mut held = WARD.lock().unwrap_or_else(PoisonError::into_inner);
        let ward = match *held {
            Some((since, ward)) if since.elapsed() < SIGN_IN_AFTER => return Ok(ward),
            Some((_, ward)) => ward.clone().signed_in(stack)?,
            None => Self::open(stack)?,
        };
        // A test may still hold the one before.
        let ward: &'static Self = Box::leak(Box::new(ward));
        *held = Some((Instant::now(), ward));
        Ok(ward)
    }

    fn open(stack: &Stack) -> Outcome<Self> {
        let hospital = Hospital::open(stack, "Ward of the tests")?;
        let doctor = hospital.doctor(stack, "Dr. Lena Sommer")?;
        let other = hospital.doctor(stack, "Dr. Karim Haddad")?;
        Ok(Self { hospital, doctor, other })
    }

    fn signed_in(mut self, stack: &Stack) -> Outcome<Self> {
        let Self { hospital, doctor, other } = &mut self;
        for account in [&mut hospital.admin, &mut doctor.account, &mut other.account] {
            account.sign_in(stack)?;
        }
        Ok(self)
    }
}

impl Patient {
    /// Adds a record that waits for its file; answers its id and the form for the file.
    pub fn announce(
        &self,
        stack: &Stack,
        kind: &str,
        date: &str,
        title: &str,
        file: &Document,
    ) -> Outcome<(String, Value)> {
        let mut body = file.declaration(kind, title);
        body["date"] = json!(date);
        begin(stack, (&self.id, self.token()), &body)
    }

    /// Adds a plain-text document and waits until it is there; answers the record's id.
    pub fn note(
        &self,
        stack: &Stack,
        kind: &str,
        date: &str,
        title: &str,
        text: &str,
    ) -> Outcome<String> {
        let file = Document::new("note.txt", "text/plain", text.as_bytes().to_vec());
        let (id, form) = self.announce(stack, kind, date, title, &file)?;
        post_form(&form, &file)?.expect(204)?;
        let record = settled(stack, &self.id, self.token(), &id)?;
        crate::ensure(record["status"] == "available", format!("the note is there: {record}"))?;
        Ok(id)
    }
}
