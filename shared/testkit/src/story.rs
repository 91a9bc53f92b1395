//! The main job, end to end: scan in, consent, doctor reads, all of it on record. The demo tells
//! it, a test plays it.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    Answer, Call, Doctor, Hospital, Outcome, Patient, Stack, Surprise,
    cast::{Account, reading},
    documents::{Document, begin, post_form, settled},
    ensure, poll,
};

/// How long the short grant of the eighth chapter lasts, in seconds.
const SHORT_GRANT: u32 = 4;

/// Tells one line of the story.
pub type Narrator<'a> = &'a mut dyn FnMut(&str);

/// Plays the story with the documents of a folder: at least a JPEG, a PNG and a PDF.
pub fn play(stack: &Stack, folder: &Path, tell: Narrator<'_>) -> Outcome {
    let mut story = Story { stack, tell };
    let documents = Document::all(folder)?;
    let hospital = story.the_hospital_opens()?;
    let doctor = story.a_doctor_is_invited(&hospital)?;
    let patient = story.a_patient_joins()?;
    let records = story.documents_come_in(&patient, &documents)?;
    story.bad_files_are_refused(&patient, &documents)?;
    let grant = story.the_doctor_asks(&doctor, &patient, &records)?;
    story.the_doctor_reads(&doctor, &patient, &records)?;
    story.the_patient_revokes(&doctor, &patient, &grant, &records)?;
    story.a_grant_ends_by_the_clock(&doctor, &patient, &records)?;
    story.the_doctor_is_suspended(&hospital, &doctor, &patient)?;
    story.the_patient_reads_the_trail(&patient)
}

/// A record of the story.
struct Kept {
    id: String,
    kind: &'static str,
    document: Document,
}

struct Story<'a> {
    stack: &'a Stack,
    tell: Narrator<'a>,
}

impl Story<'_> {
    fn chapter(&mut self, title: &str) {
        (self.tell)(&format!("\n{title}"));
    }

    fn line(&mut self, who: &str, what: &str, answer: &Answer) {
        let status = answer.status;
        let came = match (&answer.body["code"], &answer.body["items"]) {
            (Value::String(code), _) => code.clone(),
            (_, Value::Array(items)) => format!("{} listed", items.len()),
            _ => String::new(),
        };
        (self.tell)(&format!("  {who:<8} {what:<62} {status} {came}"));
    }

    fn step(&mut self, who: &str, what: &str, call: &Call, status: u16) -> Outcome<Answer> {
        let answer = call.expect(status)?;
        self.line(who, what, &answer);
        Ok(answer)
    }

    fn the_hospital_opens(&mut self) -> Outcome<Hospital> {
        self.chapter("1. A hospital opens");
        let (id, mut account) = Hospital::add(self.stack, "St. Brendan's", "Ines Keller")?;
        (self.tell)(&format!("  operator adds the hospital and its first admin: {id}"));
        account.sign_in(self.stack)?;
        (self.tell)("  admin    signs in, sets a password of her own");
        let path = format!("/v1/hospitals/{id}/doctors");
        let list = self.stack.get_path(&path).token(&account.token);
        self.step("admin", "lists the doctors without a second factor", &list, 403)?
            .problem("mfa-required")?;
        self.second_factor("admin", &mut account)?;
        let list = self.stack.get_path(&path).token(&account.token);
        self.step("admin", "lists the doctors", &list, 200)?;
        Ok(Hospital { id: id.to_string(), admin: account })
    }

    fn second_factor(&mut self, who: &str, account: &mut Account) -> Outcome {
        account.enroll(self.stack)?;
        account.sign_in(self.stack)?;
        (self.tell)(&format!("  {who:<8} enrols an authenticator app and signs in with a code"));
        Ok(())
    }

    fn a_doctor_is_invited(&mut self, hospital: &Hospital) -> Outcome<Doctor> {
        self.chapter("2. A doctor is invited and verified");
        let (id, mut account) = hospital.invite(self.stack, "Dr. Amara Osei")?;
        (self.tell)("  admin    invites Dr. Amara Osei; the mail arrives");
        account.sign_in(self.stack)?;
        (self.tell)("  doctor   signs in with the temporary password, sets her own");
        let mine = self.stack.get_path("/v1/grants").token(&account.token);
        self.step("doctor", "lists her grants without a second factor", &mine, 403)?
            .problem("mfa-required")?;
        self.second_factor("doctor", &mut account)?;
        let mine = self.stack.get_path("/v1/grants").token(&account.token);
        self.step("doctor", "lists her grants before she is verified", &mine, 403)?
            .problem("not-verified")?;
        let verified = hospital.rule(self.stack, &id.to_string(), "verify")?;
        self.line("admin", "verifies her", &verified);
        self.step("doctor", "lists her grants", &mine, 200)?;
        Ok(Doctor { id: id.to_string(), account })
    }

    fn a_patient_joins(&mut self) -> Outcome<Patient> {
        self.chapter("3. A patient joins");
        let mut patient = Patient::join(self.stack, "Jonas Weber")?;
        (self.tell)("  patient  registers, confirms by code, signs in");
        let body = json!({ "refreshToken": patient.account.refresh });
        let refresh = self.stack.post("/v1/sessions/refresh").json(&body);
        let refreshed = self.step("patient", "refreshes the session", &refresh, 200)?;
        patient.account.token = refreshed.text("/accessToken")?.to_owned();
        let me = self.stack.get_path("/v1/me").token(patient.token());
        let me = self.step("patient", "reads the profile", &me, 200)?;
        ensure(me.body["name"] == "Jonas Weber", "the profile names the patient")?;
        Ok(patient)
    }

    fn documents_come_in(
        &mut self,
        patient: &Patient,
        documents: &[Document],
    ) -> Outcome<Vec<Kept>> {
        self.chapter("4. Documents come in and are read");
        let mut kept = Vec::new();
        for document in documents {
            let kind = kind_of(document);
            let vault = (patient.id.as_str(), patient.token());
            let (id, sent) = document.upload(self.stack, vault, kind, "From the demo")?;
            let sent = silent(&sent.expect(204)?);
            let (name, size) = (&document.name, document.size);
            self.line("patient", &format!("uploads {name} ({size} bytes) as {kind}"), &sent);
            kept.push(Kept { id, kind, document: document.clone() });
        }
        for media in ["image/jpeg", "image/png", "application/pdf"] {
            let has = kept.iter().any(|kept| kept.document.media_type == media);
            ensure(has, format!("the documents hold no {media}"))?;
        }
        for record in &kept {
            self.document_is_read(patient, record)?;
        }
        Ok(kept)
    }

    fn document_is_read(&mut self, patient: &Patient, kept: &Kept) -> Outcome {
        let name = &kept.document.name;
        let record = settled(self.stack, &patient.id, patient.token(), &kept.id)?;
        let status = record["text"]["status"].as_str().unwrap_or_default();
        ensure(status == "read", format!("{name} is {}: {}", record["status"], record["text"]))?;
        let path = patient.path(&format!("/records/{}/text", kept.id));
        let text = self.stack.get_path(&path).token(patient.token()).expect(200)?;
        let lines: Vec<_> = text.list("/pages")?.iter().flat_map(lines).collect();
        ensure(!lines.is_empty(), format!("{name} has lines"))?;
        for line in &lines {
            let sure =
                line["confidence"].as_f64().is_some_and(|sure| (0.0..=100.0).contains(&sure));
            let sound = sure && line["text"].is_string() && line["bounds"]["width"].is_number();
            ensure(sound, format!("a line of {name} has text, confidence and a box: {line}"))?;
        }
        let sure: f64 = lines.iter().filter_map(|line| line["confidence"].as_f64()).sum();
        let pages = text.list("/pages")?.len();
        let average = sure / f64::from(u32::try_from(lines.len())?);
        let what = format!("{name}: {pages} pages, {} lines, {average:.0} % sure", lines.len());
        self.line("patient", &what, &text);
        Ok(())
    }

    fn bad_files_are_refused(&mut self, patient: &Patient, documents: &[Document]) -> Outcome {
        self.chapter("5. Files that are not what they say are refused");
        let jpeg = documents.iter().find(|document| document.media_type == "image/jpeg");
        let jpeg = jpeg.ok_or_else(|| Surprise("no JPEG".into()))?;
        let executable = Document::new("report.pdf", "application/pdf", b"MZ\x90\0 no PDF".into());
        self.is_rejected(patient, "a renamed executable", &executable, "content-mismatch")?;
        let text = Document { media_type: "image/png".into(), ..jpeg.clone() };
        self.is_rejected(patient, "a JPEG declared as PNG", &text, "content-mismatch")?;
        let mut other = jpeg.clone();
        other.bytes.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        self.is_stopped(patient, "a file with another checksum", &other)?;
        let mut larger = jpeg.clone();
        larger.bytes.push(0);
        self.is_stopped(patient, "a file larger than declared", &larger)?;
        let vault = (patient.id.as_str(), patient.token());
        let declared = jpeg.declaration("other", "Not what it says");
        let (id, mut form) = begin(self.stack, vault, &declared)?;
        form["fields"]["Content-Type"] = json!("text/html");
        let sent = post_form(&form, jpeg)?;
        self.line("patient", "sends a file under another content type", &silent(&sent));
        self.nothing_is_left(patient, &id, &sent, "content type")
    }

    /// A file that is as large and has the checksum it says, but is something else.
    fn is_rejected(
        &mut self,
        patient: &Patient,
        what: &str,
        file: &Document,
        why: &str,
    ) -> Outcome {
        let vault = (patient.id.as_str(), patient.token());
        let (id, sent) = file.upload(self.stack, vault, "other", "Not what it says")?;
        let sent = sent.expect(204)?;
        let record = settled(self.stack, &patient.id, patient.token(), &id)?;
        self.line(
            "patient",
            &format!("sends {what}; the record says {}", record["rejection"]),
            &silent(&sent),
        );
        ensure(record["status"] == "rejected", format!("{what} is rejected"))?;
        ensure(record["rejection"] == why, format!("{what}: {}", record["rejection"]))?;
        self.no_object(patient, &id)
    }

    /// A file that S3 stops at the door, or that ingest rejects where S3 let it through.
    fn is_stopped(&mut self, patient: &Patient, what: &str, file: &Document) -> Outcome {
        let vault = (patient.id.as_str(), patient.token());
        let (id, sent) = file.upload(self.stack, vault, "other", "Not what it says")?;
        self.line("patient", &format!("sends {what}"), &silent(&sent));
        self.nothing_is_left(patient, &id, &sent, what)
    }

    fn nothing_is_left(
        &mut self,
        patient: &Patient,
        id: &str,
        sent: &Answer,
        what: &str,
    ) -> Outcome {
        if sent.status >= 400 {
            let reason = String::from_utf8_lossy(&sent.bytes).into_owned();
            ensure(reason.contains("<Code>"), format!("{what}: a reason is given: {reason}"))?;
        } else {
            let record = settled(self.stack, &patient.id, patient.token(), id)?;
            ensure(record["status"] == "rejected", format!("{what} is rejected: {record}"))?;
        }
        self.no_object(patient, id)
    }

    fn no_object(&self, patient: &Patient, id: &str) -> Outcome {
        for folder in ["quarantine", "records"] {
            let prefix = format!("{folder}/{}/{id}", patient.id);
            poll("the object to be gone", || {
                Ok(self.stack.objects(&prefix)?.is_empty().then_some(()))
            })?;
        }
        Ok(())
    }

    fn the_doctor_asks(
        &mut self,
        doctor: &Doctor,
        patient: &Patient,
        records: &[Kept],
    ) -> Outcome<String> {
        self.chapter("6. The doctor asks, the patient decides");
        let kinds: Vec<_> = kinds(records);
        let request = doctor.ask(self.stack, patient, &reading(&kinds, 7200))?;
        (self.tell)(&format!(
            "  doctor   asks to read {} for treatment, two hours",
            kinds.join(", ")
        ));
        self.everything_is_absent(doctor, patient, records)?;
        let path = "/v1/access-requests?status=pending";
        let mine = self.stack.get_path(path).token(patient.token());
        let mine = self.step("patient", "sees what was asked", &mine, 200)?;
        let asked = mine.list("/items")?.first().cloned().unwrap_or_default();
        ensure(asked["id"] == request.as_str(), "the request is listed")?;
        ensure(asked["doctorName"] == "Dr. Amara Osei", "the request names the doctor")?;
        let narrower = json!({ "decision": "approve", "terms": reading(&["lab-report"], 3600) });
        let decided = patient.decide(self.stack, &request, &narrower)?.expect(200)?;
        self.line("patient", "approves, but only lab reports and one hour", &decided);
        Ok(decided.text("/grant/id")?.to_owned())
    }

    fn everything_is_absent(
        &mut self,
        doctor: &Doctor,
        patient: &Patient,
        records: &[Kept],
    ) -> Outcome {
        let list = self.stack.get_path(&patient.path("/records")).token(doctor.token());
        self.step("doctor", "lists the records", &list, 404)?.problem("not-found")?;
        for record in records.iter().take(1) {
            for (what, rest) in [("reads one", ""), ("its text", "/text"), ("its file", "/content")]
            {
                let path = patient.path(&format!("/records/{}{rest}", record.id));
                let read = self.stack.get_path(&path).token(doctor.token());
                self.step("doctor", what, &read, 404)?.problem("not-found")?;
            }
        }
        Ok(())
    }

    fn the_doctor_reads(
        &mut self,
        doctor: &Doctor,
        patient: &Patient,
        records: &[Kept],
    ) -> Outcome {
        self.chapter("7. The doctor reads what was granted, and nothing else");
        let list = self.stack.get_path(&patient.path("/records")).token(doctor.token());
        let list = self.step("doctor", "lists the records", &list, 200)?;
        let seen: Vec<_> = list.list("/items")?.iter().map(|item| item["type"].clone()).collect();
        let granted = records.iter().filter(|record| record.kind == "lab-report");
        ensure(seen.len() == granted.clone().count(), "every granted record is listed")?;
        ensure(seen.iter().all(|kind| kind == "lab-report"), "nothing else is listed")?;
        for record in granted.take(1) {
            let path = patient.path(&format!("/records/{}", record.id));
            let get =
                |rest: &str| self.stack.get_path(&format!("{path}{rest}")).token(doctor.token());
            let (read, text, link) = (get(""), get("/text"), get("/content"));
            self.step("doctor", "reads the lab report", &read, 200)?;
            self.step("doctor", "reads its text", &text, 200)?;
            let link = self.step("doctor", "asks for the file", &link, 200)?;
            let url = link.text("/url")?.to_owned();
            ensure(url.contains("X-Amz-Expires=60"), "the link lives 60 seconds")?;
            let file = Call::new("GET", url).expect(200)?;
            self.line("doctor", "downloads it", &silent(&file));
            ensure(file.bytes == record.document.bytes, "the file is the one uploaded")?;
        }
        for record in records.iter().filter(|record| record.kind != "lab-report").take(1) {
            let path = patient.path(&format!("/records/{}", record.id));
            let read = self.stack.get_path(&path).token(doctor.token());
            let what = format!("reads a record of type {}", record.kind);
            self.step("doctor", &what, &read, 404)?.problem("not-found")?;
        }
        Ok(())
    }

    fn the_patient_revokes(
        &mut self,
        doctor: &Doctor,
        patient: &Patient,
        grant: &str,
        records: &[Kept],
    ) -> Outcome {
        self.chapter("8. Consent ends: by the patient, and by the clock");
        let revoke = self.stack.delete(&format!("/v1/grants/{grant}")).token(patient.token());
        self.step("patient", "withdraws the grant", &revoke, 204)?;
        self.everything_is_absent(doctor, patient, records)
    }

    fn a_grant_ends_by_the_clock(
        &mut self,
        doctor: &Doctor,
        patient: &Patient,
        records: &[Kept],
    ) -> Outcome {
        let terms = reading(&kinds(records), SHORT_GRANT);
        let grant = doctor.granted(self.stack, patient, &terms)?;
        (self.tell)(&format!("  patient  gives another grant, for {SHORT_GRANT} seconds"));
        let ends: jiff::Timestamp = grant["expiresAt"].as_str().unwrap_or_default().parse()?;
        let list = self.stack.get_path(&patient.path("/records")).token(doctor.token());
        self.step("doctor", "lists the records", &list, 200)?;
        let refused = poll("the grant to end", || {
            let asked = jiff::Timestamp::now();
            let answer = list.send()?;
            let answered = jiff::Timestamp::now();
            match answer.status {
                200 => ensure(asked < ends, "nothing is shown after the grant's last second")?,
                _ => ensure(answered >= ends, "nothing is refused before it")?,
            }
            Ok((answer.status != 200).then_some(answer))
        })?;
        self.line("doctor", "lists them again at the grant's last second", &refused);
        refused.expect(404)?.problem("not-found")?;
        for _ in 0..3 {
            self.stack.invoke("grant_sweep", &json!({}))?;
        }
        (self.tell)("  clock    the sweep runs three times");
        let id = grant["id"].as_str().unwrap_or_default();
        let mine = self.stack.get_path("/v1/grants").token(patient.token()).expect(200)?;
        let status = mine.list("/items")?.iter().find(|item| item["id"] == id).cloned();
        ensure(status.is_some_and(|item| item["status"] == "expired"), "the grant is expired")?;
        let recorded = patient.audit(self.stack)?;
        let recorded = recorded.iter().filter(|e| e["reason"] == "expired" && e["grantId"] == id);
        ensure(recorded.count() == 1, "the expiry is on record exactly once")
    }

    fn the_doctor_is_suspended(
        &mut self,
        hospital: &Hospital,
        doctor: &Doctor,
        patient: &Patient,
    ) -> Outcome {
        self.chapter("9. The hospital suspends the doctor");
        let suspended = hospital.rule(self.stack, &doctor.id, "suspend")?;
        self.line("admin", "suspends her", &suspended);
        let list = self.stack.get_path(&patient.path("/records")).token(doctor.token());
        self.step("doctor", "lists the records with her still valid token", &list, 403)?
            .problem("suspended")
    }

    fn the_patient_reads_the_trail(&mut self, patient: &Patient) -> Outcome {
        self.chapter("10. The patient reads who did what, and why");
        let trail = patient.audit(self.stack)?;
        // What happened several times on end is told once.
        for run in trail.chunk_by(|one, next| one["sentence"] == next["sentence"]) {
            let (at, sentence) =
                run.first().map(|e| (text(e, "at"), text(e, "sentence"))).unwrap_or_default();
            let at = at.get(11..19).unwrap_or_default();
            let times =
                if run.len() > 1 { format!(" ({} times)", run.len()) } else { String::new() };
            (self.tell)(&format!("  {at} {sentence}{times}"));
        }
        let told: Vec<_> = trail.iter().map(|e| (text(e, "action"), text(e, "reason"))).collect();
        let expected = [
            ("upload_create", "owner"),
            ("upload_ingest", "file-accepted"),
            ("upload_ingest", "file-rejected"),
            ("access_request_create", "asked"),
            ("record_list", "no-grant"),
            ("record_get", "no-grant"),
            ("record_text", "no-grant"),
            ("record_download", "no-grant"),
            ("access_request_decide", "narrowed"),
            ("record_list", "granted"),
            ("record_get", "granted"),
            ("record_text", "granted"),
            ("record_download", "granted"),
            ("record_get", "type-not-granted"),
            ("grant_revoke", "owner"),
            ("record_list", "no-grant"),
            ("access_request_decide", "approved"),
            ("record_list", "granted"),
            ("record_list", "suspended"),
        ];
        let mut rest = told.iter();
        for (action, reason) in expected {
            let found = rest.any(|(a, r)| a == action && r == reason);
            // Whether a story has a record outside the grant depends on its documents' kinds.
            ensure(found, format!("the trail tells of {action} ({reason}), in order: {told:?}"))?;
        }
        let names = trail.iter().filter(|e| e["actor"]["role"] == "doctor");
        let named = names.clone().all(|e| text(e, "sentence").contains("Dr. Amara Osei"));
        ensure(named && names.count() > 0, "each of the doctor's entries names her")
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// An answer of S3 to tell without its XML.
fn silent(answer: &Answer) -> Answer {
    Answer { body: Value::Null, ..answer.clone() }
}

fn lines(page: &Value) -> Vec<Value> {
    page["lines"].as_array().cloned().unwrap_or_default()
}

fn kinds(records: &[Kept]) -> Vec<&'static str> {
    let mut kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// A type for a document, so that the story has several.
fn kind_of(document: &Document) -> &'static str {
    match document.media_type.as_str() {
        "image/jpeg" => "prescription",
        "image/png" => "lab-report",
        _ => "referral",
    }
}
