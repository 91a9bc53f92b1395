//! Every key of the table, and nowhere else. `docs/KEYS.md` charts them; a test holds it to this
//! file. Keys hold ids, times and tokens only (I6).

use domain::{
    AccountId, Date, DoctorId, GrantId, HospitalId, PatientId, RecordId, RequestId, StaffId,
    Timestamp, audit::Ledger, names::Named, policy::Action,
};

/// The name of the one index.
pub const INDEX: &str = "GSI1";

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Partition.
    pub pk: String,
    /// Sort.
    pub sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }
}

/// A run of sort keys in one partition of the table or of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Partition.
    pub pk: String,
    /// First sort key, inclusive.
    pub first: String,
    /// Last sort key, inclusive.
    pub last: String,
    /// Whether it is the index's.
    pub index: bool,
}

impl Range {
    fn prefix(pk: String, prefix: &str, index: bool) -> Self {
        Self { pk, first: prefix.to_owned(), last: format!("{prefix}~"), index }
    }
}

/// Whose data key and profile: a patient's or a hospital's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A patient.
    Patient(PatientId),
    /// A hospital.
    Hospital(HospitalId),
}

impl Owner {
    /// The partition, which is also the name used in the encryption context.
    #[must_use]
    pub fn partition(&self) -> String {
        match self {
            Self::Patient(id) => patient(*id),
            Self::Hospital(id) => hospital(*id),
        }
    }
}

fn patient(id: PatientId) -> String {
    format!("PATIENT#{id}")
}

fn hospital(id: HospitalId) -> String {
    format!("HOSPITAL#{id}")
}

/// The wrapped data key and the sealed profile of an owner.
#[must_use]
pub fn vault(owner: Owner) -> Key {
    Key::new(owner.partition(), "VAULT")
}

/// A record.
#[must_use]
pub fn record(of: PatientId, id: RecordId) -> Key {
    Key::new(patient(of), format!("RECORD#{id}"))
}

/// All records of a patient; ids sort by creation.
#[must_use]
pub fn records(of: PatientId) -> Range {
    Range::prefix(patient(of), "RECORD#", false)
}

/// The open chunk of a patient's register.
#[must_use]
pub fn open_chunk(of: PatientId) -> Key {
    Key::new(patient(of), "REGISTER#OPEN")
}

/// A closed chunk of a patient's register, by its number.
#[must_use]
pub fn chunk(of: PatientId, number: u32) -> Key {
    Key::new(patient(of), format!("REGISTER#{number:08}"))
}

/// All chunks of a patient's register; the open one is the last.
#[must_use]
pub fn register(of: PatientId) -> Range {
    Range::prefix(patient(of), "REGISTER#", false)
}

/// One page of a document's text, counted from 1.
#[must_use]
pub fn text_page(of: PatientId, id: RecordId, page: u32) -> Key {
    Key::new(patient(of), format!("TEXT#{id}#{page:05}"))
}

/// A part of the words of a document's text, counted from 1; hardly any has a second.
#[must_use]
pub fn words(of: PatientId, id: RecordId, part: u32) -> Key {
    Key::new(patient(of), format!("WORDS#{id}#{part:05}"))
}

/// The record that a record's key names.
#[must_use]
pub fn record_of(key: &Key) -> Option<RecordId> {
    key.sk.strip_prefix("RECORD#").and_then(RecordId::parse)
}

/// The patient in whose partition a key is.
#[must_use]
pub fn patient_of(key: &Key) -> Option<PatientId> {
    key.pk.strip_prefix("PATIENT#").and_then(PatientId::parse)
}

/// The record in whose text the words at a key are, and which part they are.
#[must_use]
pub fn words_of(key: &Key) -> Option<(RecordId, u32)> {
    let (id, part) = key.sk.strip_prefix("WORDS#")?.split_once('#')?;
    Some((RecordId::parse(id)?, part.parse().ok()?))
}

/// The text pages of a record from `first` to `last`.
#[must_use]
pub fn text_pages(of: PatientId, id: RecordId, first: u32, last: u32) -> Range {
    let (first, last) = (text_page(of, id, first).sk, text_page(of, id, last).sk);
    Range { pk: patient(of), first, last, index: false }
}

/// The live grant between a patient and a doctor: at most one.
#[must_use]
pub fn live_grant(of: PatientId, to: DoctorId) -> Key {
    Key::new(patient(of), format!("LIVE#{to}"))
}

/// All live grants of a patient.
#[must_use]
pub fn live_grants(of: PatientId) -> Range {
    Range::prefix(patient(of), "LIVE#", false)
}

/// A grant, live or past.
#[must_use]
pub fn grant(of: PatientId, id: GrantId) -> Key {
    Key::new(patient(of), format!("GRANT#{id}"))
}

/// All grants of a patient.
#[must_use]
pub fn grants(of: PatientId) -> Range {
    Range::prefix(patient(of), "GRANT#", false)
}

/// A request for access.
#[must_use]
pub fn request(of: PatientId, id: RequestId) -> Key {
    Key::new(patient(of), format!("REQUEST#{id}"))
}

/// All requests for access to a patient's vault.
#[must_use]
pub fn requests(of: PatientId) -> Range {
    Range::prefix(patient(of), "REQUEST#", false)
}

/// The request of a doctor that the patient has not decided yet: at most one.
#[must_use]
pub fn open_request(of: PatientId, by: DoctorId) -> Key {
    Key::new(patient(of), format!("ASKED#{by}"))
}

/// Whose vault a request or a grant belongs to, by its id alone.
#[must_use]
pub fn belonging(id: uuid::Uuid) -> Key {
    Key::new(format!("BELONGS#{id}"), "PATIENT")
}

/// A doctor, as their hospital knows them.
#[must_use]
pub fn doctor(at: HospitalId, id: DoctorId) -> Key {
    Key::new(hospital(at), format!("DOCTOR#{id}"))
}

/// The doctor that a doctor's key names.
#[must_use]
pub fn doctor_of(key: &Key) -> Option<(HospitalId, DoctorId)> {
    let hospital = key.pk.strip_prefix("HOSPITAL#").and_then(HospitalId::parse)?;
    Some((hospital, key.sk.strip_prefix("DOCTOR#").and_then(DoctorId::parse)?))
}

/// All doctors of a hospital.
#[must_use]
pub fn doctors(at: HospitalId) -> Range {
    Range::prefix(hospital(at), "DOCTOR#", false)
}

/// An admin of a hospital.
#[must_use]
pub fn admin(at: HospitalId, id: StaffId) -> Key {
    Key::new(hospital(at), format!("ADMIN#{id}"))
}

/// A proof that somebody holds a second factor.
#[must_use]
pub fn proof(of: AccountId, id: uuid::Uuid) -> Key {
    Key::new(format!("ACCOUNT#{of}"), format!("FACTOR#{id}"))
}

/// What the stream follows, as a key tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// A doctor of a hospital.
    Doctor(HospitalId, DoctorId),
    /// An account's proof of a second factor.
    Proof(AccountId),
    /// A live grant.
    LiveGrant,
}

/// What the stream follows at a key, if anything.
#[must_use]
pub fn followed(key: &Key) -> Option<Followed> {
    if let Some((hospital, doctor)) = doctor_of(key) {
        return Some(Followed::Doctor(hospital, doctor));
    }
    let account = key.pk.strip_prefix("ACCOUNT#").and_then(AccountId::parse);
    match account {
        Some(account) if key.sk.starts_with("FACTOR#") => Some(Followed::Proof(account)),
        None if key.pk.starts_with("PATIENT#") && key.sk.starts_with("LIVE#") => {
            Some(Followed::LiveGrant)
        }
        _ => None,
    }
}

fn ledger(of: Ledger) -> String {
    match of {
        Ledger::Patient(id) => patient(id),
        Ledger::Hospital(id) => hospital(id),
    }
}

/// The month of a moment, as audit partitions are split: `2026-11`.
#[must_use]
pub fn month(at: Timestamp) -> String {
    at.to_string().chars().take(7).collect()
}

/// The month of a day, written the same way.
#[must_use]
pub fn month_of_day(day: Date) -> String {
    day.to_string().chars().take(7).collect()
}

/// The month before, written the same way.
#[must_use]
pub fn month_before(month: &str) -> String {
    let (year, number) = month.split_once('-').unwrap_or(("0", "1"));
    let (year, number) = (year.parse::<u32>().unwrap_or(0), number.parse().unwrap_or(1));
    match number {
        0 | 1 => format!("{:04}-12", year.saturating_sub(1)),
        number => format!("{year:04}-{:02}", number - 1),
    }
}

/// The month of a partition of audit entries.
#[must_use]
pub fn month_of(partition: &str) -> Option<&str> {
    partition.strip_prefix("AUDIT#")?.rsplit('#').next()
}

/// One audit entry; its id sorts by time.
#[must_use]
pub fn audit(of: Ledger, at: Timestamp, id: domain::AuditId) -> Key {
    Key::new(format!("AUDIT#{}#{}", ledger(of), month(at)), id.to_string())
}

/// How often somebody was refused in an hour of a trail, which begins at `hour` (epoch seconds).
#[must_use]
pub fn tries(of: Ledger, by: uuid::Uuid, hour: i64) -> Key {
    Key::new(format!("TRIES#{}", ledger(of)), format!("{by}#{hour:012}"))
}

/// Whether a key is an audit entry's.
#[must_use]
pub fn is_audit(key: &Key) -> bool {
    key.pk.starts_with("AUDIT#")
}

/// The audit entries of one month, written `2026-11`.
#[must_use]
pub fn audits(of: Ledger, month: &str) -> Range {
    let pk = format!("AUDIT#{}#{month}", ledger(of));
    Range { pk, first: "0".into(), last: "~".into(), index: false }
}

/// The kept answer to a request with an `Idempotency-Key`, named by its hash.
#[must_use]
pub fn saved(caller: uuid::Uuid, action: Action, hash: &str) -> Key {
    Key::new(format!("SAVED#{caller}"), format!("{}#{hash}", action.name()))
}

/// Index: a doctor's grants.
#[must_use]
pub fn doctor_grants(id: DoctorId) -> Range {
    Range::prefix(format!("DOCTOR#{id}"), "GRANT#", true)
}

/// Index: a doctor's requests.
#[must_use]
pub fn doctor_requests(id: DoctorId) -> Range {
    Range::prefix(format!("DOCTOR#{id}"), "REQUEST#", true)
}

/// Index: where a grant stands in its doctor's list.
#[must_use]
pub fn in_doctor_grants(id: DoctorId, grant: GrantId) -> Key {
    Key::new(format!("DOCTOR#{id}"), format!("GRANT#{grant}"))
}

/// Index: where a request stands in its doctor's list.
#[must_use]
pub fn in_doctor_requests(id: DoctorId, request: RequestId) -> Key {
    Key::new(format!("DOCTOR#{id}"), format!("REQUEST#{request}"))
}

/// Into how many partitions each is spread what waits for its time: grants, and uploads.
pub const EXPIRY_SHARDS: u8 = 4;

/// Index: where a live grant waits to expire.
#[must_use]
pub fn in_expiry(grant: GrantId, expires_at: Timestamp) -> Key {
    let shard = grant.0.as_bytes().last().copied().unwrap_or_default() % EXPIRY_SHARDS;
    Key::new(expiry_shard(shard), format!("{:012}#{grant}", expires_at.as_second()))
}

/// Index: the live grants of a shard whose time has passed at `now`.
#[must_use]
pub fn due(shard: u8, now: Timestamp) -> Range {
    Range {
        pk: expiry_shard(shard),
        first: String::from("0"),
        last: format!("{:012}~", now.as_second()),
        index: true,
    }
}

/// Index: where a record waits for its file, or to be removed.
#[must_use]
pub fn in_awaited(record: RecordId, until: Timestamp) -> Key {
    let shard = record.0.as_bytes().last().copied().unwrap_or_default() % EXPIRY_SHARDS;
    Key::new(format!("AWAITED#{shard}"), format!("{:012}#{record}", until.as_second()))
}

/// Index: the records of a shard for whose files no form is good since `until`.
#[must_use]
pub fn awaited(shard: u8, until: Timestamp) -> Range {
    Range {
        pk: format!("AWAITED#{shard}"),
        first: String::from("0"),
        last: format!("{:012}~", until.as_second()),
        index: true,
    }
}

fn expiry_shard(shard: u8) -> String {
    format!("EXPIRY#{shard}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_go_back_over_the_turn_of_the_year() {
        let cases = [("2026-11", "2026-10"), ("2026-01", "2025-12"), ("2026-10", "2026-09")];
        for (month, before) in cases {
            assert_eq!(month_before(month), before);
        }
    }

    #[test]
    fn the_open_chunk_comes_after_all_closed_ones() {
        let of = PatientId(uuid::Uuid::now_v7());
        let range = register(of);
        let chunks =
            [chunk(of, 1), chunk(of, 2), chunk(of, 10), chunk(of, u32::MAX), open_chunk(of)];
        assert!(chunks.is_sorted_by_key(|key| key.sk.clone()));
        assert!(chunks.iter().all(|key| (&range.first..=&range.last).contains(&&key.sk)));
    }

    #[test]
    fn words_and_records_are_known_by_their_keys() {
        let (of, id) = (PatientId(uuid::Uuid::now_v7()), RecordId(uuid::Uuid::now_v7()));
        assert_eq!(record_of(&record(of, id)), Some(id));
        assert_eq!(words_of(&words(of, id, 12)), Some((id, 12)));
        assert_eq!(words_of(&text_page(of, id, 1)), None);
    }

    #[test]
    fn a_grant_is_due_in_its_own_shard_from_its_last_second_on() {
        let end = Timestamp::constant(1_800_000_000, 0);
        let grant = GrantId(uuid::Uuid::now_v7());
        let place = in_expiry(grant, end);
        let within = |now| {
            let ranges = (0..EXPIRY_SHARDS).map(|shard| due(shard, now));
            let hits = ranges.filter(|range| {
                range.pk == place.pk && (&range.first..=&range.last).contains(&&place.sk)
            });
            hits.count()
        };
        assert_eq!(within(Timestamp::constant(1_799_999_999, 0)), 0);
        assert_eq!(within(end), 1);
        assert_eq!(within(Timestamp::constant(1_900_000_000, 0)), 1);
    }
}
