//! Rows as the functions themselves write them: same keys, same seals.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::{Result, anyhow};
use domain::{
    Caller, Date, DoctorId, GrantId, HospitalId, PatientId, RecordId, RequestId, StaffId,
    Timestamp,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    consent::{Ability, GrantStatus, Purpose, REQUEST_SECONDS, RequestStatus, Terms},
    policy::Action,
    record::{Class, MediaType, RecordStatus, RecordType, TextStatus},
    staff::Standing,
};
use store::{
    DataKey, Fault, Key, Owner, Store, keys, new_id,
    records::{MOST_AT_ONCE, NewRecord, batches},
    register::Chunk,
    rows::{
        Belonging, FileContent, GrantRow, Line, LiveGrant, Names, OpenRequest, PageContent,
        Profile, Record, RecordContent, Request, RequestContent, Staff, StaffContent, WordsContent,
        text_items,
    },
    table::{Attributes, index, item, sealed_item},
};

/// The most items of one transaction (DynamoDB).
const AT_ONCE: usize = 100;

/// A grant of 30 days.
const MONTH: u32 = 30 * 24 * 60 * 60;

/// A patient's vault.
pub(crate) struct Vault {
    pub(crate) patient: PatientId,
    key: Arc<DataKey>,
}

impl Vault {
    /// The patient, as who calls.
    pub(crate) fn caller(&self) -> Caller {
        Caller::Patient(self.patient)
    }
}

/// A hospital with its admin.
pub(crate) struct Hospital {
    pub(crate) id: HospitalId,
    pub(crate) admin: Caller,
    key: Arc<DataKey>,
}

impl Hospital {
    /// A doctor of it, as who calls.
    pub(crate) fn doctor(&self, id: DoctorId) -> Caller {
        Caller::Doctor { id, hospital: self.id, mfa: true }
    }
}

/// What nearly all records are.
pub(crate) const USUAL: Class =
    Class { kind: RecordType::LabReport, date: Date::constant(2026, 11, 30) };
/// Of another type than all others.
pub(crate) const RARE: Class = Class { kind: RecordType::Immunization, ..USUAL };
/// Much older than all others.
pub(crate) const OLD: Class = Class { date: Date::constant(1979, 5, 10), ..USUAL };

/// What a record is to be.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) class: Class,
    pub(crate) status: RecordStatus,
    pub(crate) text: Option<TextStatus>,
    pub(crate) file: FileContent,
}

/// Writes rows, many at once.
pub(crate) struct Writer {
    store: Store,
    pub(crate) now: Timestamp,
    pending: Vec<Row>,
    records: HashMap<PatientId, (Arc<DataKey>, Vec<NewRecord>)>,
}

enum Row {
    Item(Attributes),
    Entry(Draft),
}

impl Writer {
    /// Writes to `store`.
    pub(crate) fn new(store: Store) -> Self {
        Self { store, now: Timestamp::now(), pending: Vec::new(), records: HashMap::new() }
    }

    async fn add(&mut self, row: Row) -> Result<()> {
        self.pending.push(row);
        if self.pending.len() >= AT_ONCE { self.flush().await } else { Ok(()) }
    }

    /// Writes what is pending.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        if !self.pending.is_empty() {
            let mut change = self.store.follow_up();
            for row in self.pending.drain(..) {
                change = match row {
                    Row::Item(attributes) => change.create(attributes),
                    Row::Entry(draft) => change.audit(&draft, self.now),
                };
            }
            change.commit().await.map_err(|fault| told(&fault))?;
        }
        for (of, (key, new)) in std::mem::take(&mut self.records) {
            for batch in batches(new) {
                self.add_records(of, &key, batch).await.map_err(|fault| told(&fault))?;
            }
        }
        Ok(())
    }

    async fn add_records(
        &self,
        of: PatientId,
        key: &DataKey,
        new: Vec<NewRecord>,
    ) -> Result<(), Fault> {
        let open = self.store.table.read(&[keys::open_chunk(of)]).await?;
        let open = Chunk::open(of, open.into_iter().flatten().next().as_ref(), key)?;
        self.store.follow_up().add_records(open, new, key).commit().await
    }

    async fn sealed<C: serde::Serialize, S: serde::Serialize>(
        &mut self,
        at: &Key,
        key: &DataKey,
        (clear, content): (&C, &S),
        listed: Option<Key>,
    ) -> Result<()> {
        let mut attributes = sealed_item(at, key, clear, content).map_err(|fault| told(&fault))?;
        if let Some(listed) = listed {
            index(&mut attributes, &listed);
        }
        self.add(Row::Item(attributes)).await
    }

    /// A new patient's vault.
    pub(crate) async fn vault(&mut self) -> Result<Vault> {
        let patient = PatientId(new_id());
        let key = self.owner(Owner::Patient(patient), "Ana Lima").await?;
        Ok(Vault { patient, key })
    }

    async fn owner(&mut self, owner: Owner, name: &str) -> Result<Arc<DataKey>> {
        let profile = Profile { name: name.into(), email: Some("ana@example.org".into()) };
        let made = self.store.new_vault(owner, &profile, self.now).await;
        let (attributes, key) = made.map_err(|fault| told(&fault))?;
        self.add(Row::Item(attributes)).await?;
        Ok(key)
    }

    /// A new hospital with its admin.
    pub(crate) async fn hospital(&mut self) -> Result<Hospital> {
        let (id, admin) = (HospitalId(new_id()), StaffId(new_id()));
        let key = self.owner(Owner::Hospital(id), "St. Brendan's").await?;
        let admin_key = keys::admin(id, admin);
        let hospital =
            Hospital { id, admin: Caller::Admin { id: admin, hospital: id, mfa: true }, key };
        self.staff(&hospital, &admin_key, Standing::Active).await?;
        Ok(hospital)
    }

    /// A new doctor of a hospital.
    pub(crate) async fn doctor(&mut self, at: &Hospital, standing: Standing) -> Result<DoctorId> {
        let id = DoctorId(new_id());
        self.staff(at, &keys::doctor(at.id, id), standing).await?;
        Ok(id)
    }

    async fn staff(&mut self, hospital: &Hospital, at: &Key, standing: Standing) -> Result<()> {
        let now = self.now;
        let row = Staff { standing, created_at: now, changed_at: now, sent_at: Some(now) };
        let content = StaffContent {
            name: "Dr. Amara Osei".into(),
            email: "amara.osei@example.org".into(),
            licence: Some("GMC 7012345".into()),
            specialty: Some("cardiology".into()),
        };
        let key = Arc::clone(&hospital.key);
        self.sealed(at, &key, (&row, &content), None).await
    }

    /// A new record.
    pub(crate) async fn record(&mut self, vault: &Vault, shape: &Shape) -> Result<RecordId> {
        let id = RecordId(new_id());
        let row = Record {
            text_status: shape.text,
            pages: (shape.text == Some(TextStatus::Read)).then_some(3),
            words: (shape.text == Some(TextStatus::Read)).then_some(1),
            ..Record::new(shape.status, Actor::Patient { id: vault.patient }, self.now)
        };
        let content = RecordContent {
            kind: shape.class.kind,
            date: shape.class.date,
            title: "Blood count and chemistry panel".into(),
            notes: Some("Fasting sample, taken in the morning; repeat in three months.".into()),
            file: Some(shape.file.clone()),
        };
        let (_, new) = self.records.entry(vault.patient).or_insert_with(|| {
            let key = Arc::clone(&vault.key);
            (key, Vec::new())
        });
        new.push(NewRecord { id, row, content });
        if new.len() >= MOST_AT_ONCE {
            self.flush().await?;
        }
        Ok(id)
    }

    /// The text of a record: three pages of 40 lines, with about as many different
    /// words as the samples of that length have (sealed 2.6 KB, theirs 2.3).
    pub(crate) async fn text(&mut self, vault: &Vault, record: RecordId) -> Result<()> {
        let line = |page: u32, n: u32| Line {
            text: format!(
                "{n}. Haemoglobin 14.{page}{n} g/dl, reference 13.5 to 17.{page}{n}, \
                 sample taken at 8:{page}{n}"
            ),
            confidence: 96.4,
            unsure: Vec::new(),
            bounds: None,
        };
        let page =
            |page| PageContent { lines: (0..40).map(|n| line(page, n)).collect(), source: None };
        let pages: Vec<_> = (1..=3).map(page).collect();
        let words = WordsContent::of(&pages);
        for item in text_items(vault.patient, record, (&pages, &words), &vault.key) {
            self.add(Row::Item(item.map_err(|fault| told(&fault))?)).await?;
        }
        Ok(())
    }

    /// A doctor's request, waiting for its decision.
    pub(crate) async fn request(
        &mut self,
        vault: &Vault,
        (hospital, doctor): (&Hospital, DoctorId),
    ) -> Result<RequestId> {
        let id = RequestId(new_id());
        let row = Request {
            id,
            patient: vault.patient,
            doctor,
            hospital: hospital.id,
            terms: terms(Terms::all_ordinary_types()),
            status: RequestStatus::Pending,
            created_at: self.now,
            ends_at: self.now + Duration::from_secs(REQUEST_SECONDS.into()),
            decided_at: None,
            grant: None,
        };
        let content = RequestContent { who: names(), message: Some("Before your visit.".into()) };
        let at = keys::request(vault.patient, id);
        let listed = keys::in_doctor_requests(doctor, id);
        self.sealed(&at, &vault.key, (&row, &content), Some(listed)).await?;
        Ok(id)
    }

    /// The one open request of a doctor.
    pub(crate) async fn open_request(
        &mut self,
        vault: &Vault,
        by: (&Hospital, DoctorId),
    ) -> Result<RequestId> {
        let id = self.request(vault, by).await?;
        let ends_at = self.now + Duration::from_secs(REQUEST_SECONDS.into());
        let open = OpenRequest { id, ends_at, expires_at: ends_at.as_second() };
        let belonging = Belonging { patient: vault.patient };
        let rows = [
            item(&keys::open_request(vault.patient, by.1), &open),
            item(&keys::belonging(id.0), &belonging),
        ];
        for row in rows {
            self.add(Row::Item(row.map_err(|fault| told(&fault))?)).await?;
        }
        Ok(id)
    }

    /// A grant that has begun and was ended by nothing, without the row that puts it in force.
    pub(crate) async fn grant(
        &mut self,
        vault: &Vault,
        (hospital, doctor): (&Hospital, DoctorId),
        (status, types): (GrantStatus, &[RecordType]),
    ) -> Result<LiveGrant> {
        let live = self.live(vault.patient, doctor, types)?;
        let row = GrantRow {
            id: live.id,
            patient: live.patient,
            doctor,
            hospital: hospital.id,
            terms: live.terms.clone(),
            not_before: live.not_before,
            ends_at: live.ends_at,
            status,
            created_at: self.now,
            ended_at: (status != GrantStatus::Active).then_some(self.now),
        };
        let at = keys::grant(vault.patient, row.id);
        let listed = keys::in_doctor_grants(doctor, row.id);
        self.sealed(&at, &vault.key, (&row, &names()), Some(listed)).await?;
        Ok(live)
    }

    /// What a live grant's row says; of ordinary types when none are named.
    pub(crate) fn live(
        &self,
        patient: PatientId,
        doctor: DoctorId,
        types: &[RecordType],
    ) -> Result<LiveGrant> {
        let types = match types {
            [] => Terms::all_ordinary_types(),
            some => some.iter().copied().collect(),
        };
        let ends_at = Timestamp::from_second(self.now.as_second())?;
        let ends_at = ends_at.checked_add(Duration::from_secs(MONTH.into()))?;
        Ok(LiveGrant {
            id: GrantId(new_id()),
            patient,
            doctor,
            terms: terms(types),
            not_before: self.now,
            ends_at,
            reads: 0,
            expires_at: ends_at.as_second(),
        })
    }

    /// Puts a grant in force.
    pub(crate) async fn enforce(&mut self, live: &LiveGrant) -> Result<()> {
        let at = keys::live_grant(live.patient, live.doctor);
        let mut attributes = item(&at, live).map_err(|fault| told(&fault))?;
        index(&mut attributes, &keys::in_expiry(live.id, live.ends_at));
        self.add(Row::Item(attributes)).await
    }

    /// A grant in force.
    pub(crate) async fn granted(
        &mut self,
        vault: &Vault,
        to: (&Hospital, DoctorId),
        types: &[RecordType],
    ) -> Result<LiveGrant> {
        let live = self.grant(vault, to, (GrantStatus::Active, types)).await?;
        self.enforce(&live).await?;
        Ok(live)
    }

    /// An entry of the trail: the doctor read a record.
    pub(crate) async fn entry(
        &mut self,
        vault: &Vault,
        (hospital, doctor): (&Hospital, DoctorId),
        record: RecordId,
    ) -> Result<()> {
        let target =
            Target { record: Some(record), purpose: Some(Purpose::Treatment), ..Target::default() };
        self.add(Row::Entry(Draft {
            ledger: Ledger::Patient(vault.patient),
            actor: Actor::Doctor { id: doctor, hospital: hospital.id },
            action: Action::RecordGet,
            outcome: Outcome::Done(Done::Granted),
            target,
        }))
        .await
    }
}

fn told(fault: &Fault) -> anyhow::Error {
    anyhow!("the store failed: {fault}")
}

fn names() -> Names {
    Names { doctor: "Dr. Amara Osei".into(), hospital: "St. Brendan's".into() }
}

fn terms(types: std::collections::BTreeSet<RecordType>) -> Terms {
    Terms {
        actions: [Ability::Read].into(),
        types,
        from: None,
        to: None,
        purpose: Purpose::Treatment,
        duration_seconds: MONTH,
        max_reads: None,
    }
}

/// A file of `content`.
pub(crate) fn file(media_type: MediaType, content: &[u8]) -> FileContent {
    FileContent {
        name: "scan".into(),
        media_type,
        size: content.len() as u64,
        sha256: store::sha256_hex(&[content]),
    }
}
