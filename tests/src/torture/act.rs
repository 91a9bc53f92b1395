//! How a step is done.

use std::{thread, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::{
    Answer, Call,
    cast::reading,
    documents::{Document, post_form},
};

use super::{
    history::{
        Ask, Decided, Decision, Entry, Given, Glance, KINDS, Reader, Reading, Revoke, Standing,
        Terms, Upload,
    },
    step::{PICKS, Step, Verdict, What},
    world::{Changed, Who, World},
};

/// A page for the text reader.
const SCAN: &[u8] = include_bytes!("../../data/documents/lab-report.png");
/// How near the end of a grant has to be to wait for it.
const NEAR: SignedDuration = SignedDuration::from_millis(2500);
/// How long before and after the end of a grant its doctor reads.
const AROUND: SignedDuration = SignedDuration::from_millis(150);

impl What {
    fn action(self) -> &'static str {
        match self {
            Self::List => "record_list",
            Self::Get => "record_get",
            Self::Text => "record_text",
            Self::Download => "record_download",
        }
    }

    fn path(self, record: &str) -> String {
        match self {
            Self::List => "/records".into(),
            Self::Get => format!("/records/{record}"),
            Self::Text => format!("/records/{record}/text"),
            Self::Download => format!("/records/{record}/content"),
        }
    }
}

impl Terms {
    fn json(&self) -> Value {
        let kinds: Vec<_> = self.kinds.iter().copied().collect();
        reading(&kinds, self.seconds)
    }

    /// What a verdict gives.
    fn given(&self, verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approve | Verdict::Reject => self.clone(),
            Verdict::Narrow => Self {
                kinds: self.kinds.iter().take(1).copied().collect(),
                seconds: self.seconds.min(3),
            },
            Verdict::Widen => Self { kinds: KINDS.into(), seconds: self.seconds + 1 },
        }
    }
}

impl World<'_> {
    /// Does it.
    pub fn act(&self, step: Step) {
        match step {
            Step::Upload { patient, kind, is_scan } => self.upload(patient, kind, is_scan),
            Step::Read { reader, patient, what, pick } => self.read(reader, patient, what, pick),
            Step::Use { what, grant, pick } => {
                let pair = |d: &Decision| d.given().map(|_| (d.doctor, d.patient));
                let held = newest(self.history().decisions.iter().filter_map(pair), grant);
                if let Some((doctor, patient)) = held {
                    self.read(Reader::Doctor(doctor), patient, what, pick);
                }
            }
            Step::Ask { doctor, patient, terms } => self.ask(doctor, patient, terms),
            Step::Decide { patient, pick, verdict } => self.decide(patient, pick, verdict),
            Step::Revoke { patient, pick } => self.revoke(patient, pick),
            Step::Suspend { doctor, patient } => {
                self.rule(doctor, false);
                self.read(Reader::Doctor(doctor), patient, What::List, 0);
            }
            Step::Reinstate { doctor } => self.rule(doctor, true),
            Step::Watch { pick } => self.watch(pick),
            Step::Audit { patient } => self.glance(patient),
            Step::Own { who, patient } => self.own_lists(who, patient),
            Step::Again { pick } => self.again(pick),
            // It may fail while there are faults, and is called again at the end.
            Step::Sweep => _ = self.stack.invoke("grant_sweep", &json!({})),
        }
    }

    fn upload(&self, patient: usize, kind: &'static str, is_scan: bool) {
        let title = format!("Note {}", uuid::Uuid::now_v7());
        let file = match is_scan {
            true => Document::new("scan.png", "image/png", SCAN.to_vec()),
            false => Document::new("note.txt", "text/plain", title.clone().into_bytes()),
        };
        let who = Who::Patient(patient);
        let call = self.stack.post(&format!("/v1/patients/{}/uploads", self.id(who)));
        let call = call.json(&file.declaration(kind, &title));
        let changed = self.change(who, &call, (Some(patient), &format!("uploads a {kind}")));
        let Some(answer) = changed.with(201) else { return };
        let sent = post_form(&answer.body["upload"], &file).is_ok_and(|sent| sent.status == 204);
        let id = text(&answer.body, "/recordId");
        self.history().uploads.push(Upload { patient, id, kind, title, is_scan, sent });
    }

    fn read(&self, reader: Reader, patient: usize, what: What, pick: usize) {
        let theirs = |upload: &&Upload| upload.patient == patient;
        let record = newest(self.history().uploads.iter().filter(theirs), pick).cloned();
        match (what, &record) {
            (What::List, _) => _ = self.reading(reader, patient, what, None),
            (_, Some(record)) => {
                self.reading(reader, patient, what, Some((&record.id, record.kind)));
            }
            (_, None) => {}
        }
    }

    /// One reading, written down; answers when its answer was received.
    fn reading(
        &self,
        reader: Reader,
        patient: usize,
        what: What,
        record: Option<(&str, &str)>,
    ) -> Timestamp {
        let who = who(reader, patient);
        let path = what.path(record.map(|(id, _)| id).unwrap_or_default());
        let vault = self.id(Who::Patient(patient));
        let call = self.stack.get_path(&format!("/v1/patients/{vault}{path}"));
        let told = format!("{} {}", what.action(), record.map(|(id, _)| id).unwrap_or_default());
        let admitted = record.is_none_or(|(id, _)| self.history().surely_admitted(id));
        let attempt = self.attempt(who, &call, (Some(patient), &told));
        let Some(answer) = attempt.answer else { return attempt.received };
        let shown = match answer.status {
            200 => true,
            // To a doctor, a file that has not passed its checks yet is no file (I10).
            404 if reader != Reader::Patient && !admitted => return attempt.received,
            403 | 404 => false,
            // Not there yet, or the vault could not answer.
            _ => return attempt.received,
        };
        let kinds = match record {
            Some((_, kind)) => [kind.to_owned()].into(),
            None => items(&answer).iter().map(|record| text(record, "/type")).collect(),
        };
        let reading = Reading {
            reader,
            patient,
            action: what.action(),
            record: record.map(|(id, _)| id.to_owned()),
            kinds,
            shown,
            sent: attempt.sent,
            received: attempt.received,
        };
        self.history().readings.push(reading);
        attempt.received
    }

    fn ask(&self, doctor: usize, patient: usize, terms: Terms) {
        let mut body = terms.json();
        body["patientId"] = json!(self.id(Who::Patient(patient)));
        let call = self.stack.post("/v1/access-requests").json(&body);
        let told = format!("asks patient {patient} for {terms:?}");
        let changed = self.change(Who::Doctor(doctor), &call, (Some(patient), &told));
        if let Some(answer) = changed.with(201) {
            let id = text(&answer.body, "/id");
            self.history().asks.push(Ask { doctor, patient, id, terms });
        }
    }

    fn decide(&self, patient: usize, pick: usize, verdict: Verdict) {
        let theirs = |ask: &&Ask| ask.patient == patient;
        let ask = newest(self.history().asks.iter().filter(theirs), pick).cloned();
        let Some(Ask { doctor, id: request, terms, .. }) = ask else { return };
        let terms = terms.given(verdict);
        let approval = verdict != Verdict::Reject;
        let body = match approval {
            true => json!({ "decision": "approve", "terms": terms.json(), "allowMore": true }),
            false => json!({ "decision": "reject" }),
        };
        let call = self.stack.post(&format!("/v1/access-requests/{request}/decision")).json(&body);
        let told = format!("says {verdict:?} to doctor {doctor}, {request}: {terms:?}");
        let changed = self.change(Who::Patient(patient), &call, (Some(patient), &told));
        let Some(outcome) = decided(&changed, approval) else { return };
        let span = changed.span;
        let decision = Decision { request, doctor, patient, terms, span, outcome };
        self.history().decisions.push(decision);
    }

    fn revoke(&self, patient: usize, pick: usize) {
        let theirs = |d: &Decision| {
            let grant = d.given().filter(|_| d.patient == patient)?;
            Some((grant.id.clone(), d.doctor))
        };
        let mine = newest(self.history().decisions.iter().filter_map(theirs), pick);
        let Some((grant, doctor)) = mine else { return };
        let call = self.stack.delete(&format!("/v1/grants/{grant}"));
        let told = format!("withdraws {grant} from doctor {doctor}");
        let changed = self.change(Who::Patient(patient), &call, (Some(patient), &told));
        if changed.with(204).is_some() || changed.unknown() {
            self.history().revokes.push(Revoke { grant, span: changed.span });
        }
        self.read(Reader::Doctor(doctor), patient, What::List, 0);
    }

    fn rule(&self, doctor: usize, active: bool) {
        let verb = if active { "reinstate" } else { "suspend" };
        let path = format!("/doctors/{}/{verb}", self.id(Who::Doctor(doctor)));
        let call = self.stack.post(&self.hospital.path(&path)).json(&json!({}));
        let changed = self.change(Who::Admin, &call, (None, &format!("{verb}s doctor {doctor}")));
        if changed.with(200).is_some() || changed.unknown() {
            self.history().standings.push(Standing { doctor, active, span: changed.span });
        }
    }

    /// Reads under a grant whose end is near, from before its end until after.
    fn watch(&self, pick: usize) {
        let now = Timestamp::now();
        let ends = |d: &Decision| {
            let end = d.given()?.expires_at;
            (now < end && end < now + NEAR).then_some((d.patient, d.doctor, end))
        };
        let soon = newest(self.history().decisions.iter().filter_map(ends), pick);
        let Some((patient, doctor, end)) = soon else { return };
        let wait = Timestamp::now().duration_until(end - AROUND);
        thread::sleep(Duration::try_from(wait).unwrap_or_default());
        while self.reading(Reader::Doctor(doctor), patient, What::List, None) < end + AROUND {}
    }

    fn glance(&self, patient: usize) {
        let who = Who::Patient(patient);
        let call = self
            .stack
            .get_path(&format!("/v1/patients/{}/audit?limit=100&fold=none", self.id(who)));
        let attempt = self.attempt(who, &call, (Some(patient), "reads the trail"));
        if let Some(answer) = attempt.answer.filter(|answer| answer.status == 200) {
            let entries = items(&answer).iter().filter_map(entry).collect();
            let Some(since) = items(&answer).last().and_then(minted) else { return };
            let glance = Glance { patient, sent: attempt.sent, since, entries };
            self.history().glances.push(glance);
        }
    }

    fn own_lists(&self, reader: Reader, patient: usize) {
        let who = who(reader, patient);
        for list in ["/v1/access-requests", "/v1/grants"] {
            let call: Call = self.stack.get_path(list);
            self.attempt(who, &call, (Some(patient), &format!("lists {list}")));
        }
    }
}

/// One of the newest, if there is any at all.
fn newest<T>(of: impl DoubleEndedIterator<Item = T>, pick: usize) -> Option<T> {
    let mut newest: Vec<T> = of.rev().take(PICKS).collect();
    (!newest.is_empty()).then(|| newest.swap_remove(pick % newest.len()))
}

fn who(reader: Reader, patient: usize) -> Who {
    match reader {
        Reader::Patient => Who::Patient(patient),
        Reader::Doctor(doctor) => Who::Doctor(doctor),
    }
}

/// What came of a decision; `None` when it surely changed nothing.
fn decided(changed: &Changed, approval: bool) -> Option<Decided> {
    match changed.with(200) {
        None => changed.unknown().then_some(Decided::Unknown { approval }),
        Some(_) if !approval => Some(Decided::Rejected),
        Some(answer) => {
            let expires_at = text(&answer.body, "/grant/expiresAt").parse().ok()?;
            Some(Decided::Given(Given { id: text(&answer.body, "/grant/id"), expires_at }))
        }
    }
}

/// A text of an answer; empty where there is none.
pub fn text(of: &Value, pointer: &str) -> String {
    of.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn items(answer: &Answer) -> Vec<Value> {
    answer.body["items"].as_array().cloned().unwrap_or_default()
}

/// The first moment after the id of a trail's entry was made: what was asked for from then on has
/// an entry that is newer. An id of ours begins with its time in milliseconds (RFC 9562 5.7).
fn minted(entry: &Value) -> Option<Timestamp> {
    let digits = text(entry, "/id").replace('-', "");
    let millis = i64::from_str_radix(digits.get(..12)?, 16).ok()?;
    Timestamp::from_millisecond(millis + 1).ok()
}

/// An entry of the trail.
pub fn entry(of: &Value) -> Option<Entry> {
    Some(Entry {
        at: text(of, "/at").parse().ok()?,
        actor: text(of, "/actor/id"),
        action: text(of, "/action"),
        record: of["recordId"].as_str().map(str::to_owned),
        grant: of["grantId"].as_str().map(str::to_owned),
        refused: of["outcome"] == "refused",
        reason: text(of, "/reason"),
    })
}
