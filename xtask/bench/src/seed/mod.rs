//! Fills a table and writes the events that work on it: so many of each operation, none used
//! twice where an operation changes what it found.

mod events;
mod rows;

use std::{fs, path::PathBuf};

use anyhow::Result;
use domain::{
    DoctorId, RecordId,
    consent::GrantStatus,
    record::{MediaType, RecordStatus, RecordType, TextStatus},
    staff::Standing,
};
use serde_json::{Value, json};
use store::{Store, new_id, objects::Place, rows::FileContent};

use events::{Events, Said};
use rows::{Hospital, Shape, Vault, Writer};

/// The bucket that every function is told of.
const BUCKET: &str = "medivault-files";

/// How many items the lists of vaults of different sizes ask for.
const SHOWN: usize = 5;

/// What is to be seeded; table and key are named by the environment, as for the functions.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many events each operation gets.
    #[arg(long)]
    count: usize,
    /// Fills one vault with so many rows of each kind instead, and writes the events that read it.
    #[arg(long)]
    grown: Option<usize>,
    /// The folder of sample events.
    #[arg(long)]
    samples: PathBuf,
    /// The file that S3 answers with.
    #[arg(long)]
    file: PathBuf,
    /// Where the events go.
    #[arg(long)]
    out: PathBuf,
}

/// Seeds.
pub(crate) fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = store::aws_config();
        let store = Store::new(&config).map_err(|fault| anyhow::anyhow!("{fault}"))?;
        let mut seed = Seed::plant(store, args).await?;
        match args.grown {
            Some(many) => seed.grown(many).await?,
            None => seed.all().await?,
        }
        seed.writer.flush().await
    })
}

/// The cast, and what every operation's events are made with.
struct Seed {
    writer: Writer,
    events: Events,
    count: usize,
    image: FileContent,
    vault: Vault,
    hospital: Hospital,
    doctor: DoctorId,
    record: RecordId,
}

impl Seed {
    /// A vault with 20 records, read by a doctor who holds a grant.
    async fn plant(store: Store, args: &Args) -> Result<Self> {
        let mut writer = Writer::new(store);
        let events = Events::new(&args.samples, &args.out)?;
        let image = rows::file(MediaType::Jpeg, &fs::read(&args.file)?);
        let hospital = writer.hospital().await?;
        let doctor = writer.doctor(&hospital, Standing::Active).await?;
        let vault = writer.vault().await?;
        writer.granted(&vault, (&hospital, doctor), &[]).await?;
        let read = shape(&image, RecordStatus::Available, Some(TextStatus::Read));
        let mut record = RecordId(new_id());
        for _ in 0..20 {
            record = writer.record(&vault, &read).await?;
            writer.text(&vault, record).await?;
            writer.entry(&vault, (&hospital, doctor), record).await?;
        }
        let count = args.count;
        Ok(Self { writer, events, count, image, vault, hospital, doctor, record })
    }

    /// Events of every operation.
    async fn all(&mut self) -> Result<()> {
        self.accounts()?;
        self.reading()?;
        self.staff().await?;
        self.consent().await?;
        self.documents().await
    }

    fn repeat(&self, name: &str, make: impl Fn() -> Result<Value>) -> Result<()> {
        let events = (0..self.count).map(|_| make()).collect::<Result<Vec<_>>>()?;
        self.events.write(name, &events)
    }

    /// Events that all say the same.
    fn same(&self, name: &str, said: &Said) -> Result<()> {
        self.repeat(name, || self.events.request(name, said.clone()))
    }

    fn accounts(&self) -> Result<()> {
        for name in [
            "account_register",
            "account_confirm",
            "session_create",
            "session_answer",
            "session_refresh",
            "session_revoke",
            "mfa_enroll",
            "grant_sweep",
            "upload_sweep",
            "audit_archive",
        ] {
            self.repeat(name, || self.events.sample(name))?;
        }
        let caller = Some(self.hospital.admin);
        let body = Some(json!({ "password": "Aa1-password-9", "code": "123456" }));
        self.same("mfa_verify", &Said { caller, body, ..Said::default() })?;
        self.repeat("cognito_pre_token", || {
            let mut event = self.events.sample("cognito_pre_token")?;
            event["triggerSource"] = json!("TokenGeneration_Authentication");
            event["request"]["userAttributes"] = json!({
                "custom:role": "patient", "custom:person": self.vault.patient,
                "name": "Ana Lima", "email": "a@example.org",
            });
            Ok(event)
        })
    }

    /// What only reads: a doctor the records, the patient the rest.
    fn reading(&self) -> Result<()> {
        let doctor = Some(self.hospital.doctor(self.doctor));
        let own = Said { caller: doctor, path: of(&self.vault), ..Said::default() };
        let path = [own.path.clone(), vec![("recordId", self.record.to_string())]].concat();
        let one = Said { path, ..own.clone() };
        for name in ["record_get", "record_text", "record_download"] {
            self.same(name, &one)?;
        }
        self.same("record_list", &own)?;
        let caller = Some(self.vault.caller());
        self.same("audit_list", &Said { caller, ..own })?;
        for name in ["profile_get", "grant_list", "access_request_list"] {
            self.same(name, &Said { caller, ..Said::default() })?;
        }
        Ok(())
    }

    async fn staff(&mut self) -> Result<()> {
        let caller = Some(self.hospital.admin);
        let hospital = ("hospitalId", self.hospital.id.to_string());
        let path = vec![hospital.clone()];
        let body = json!({
            "email": "new@example.org", "name": "Dr. New", "licence": "GMC 7", "specialty": "x",
        });
        let list = Said { caller, path, ..Said::default() };
        self.same("doctor_list", &list)?;
        self.same("doctor_invite", &Said { body: Some(body), ..list })?;
        for (name, standing) in [
            ("doctor_verify", Standing::Invited),
            ("doctor_suspend", Standing::Active),
            ("doctor_reinstate", Standing::Suspended),
        ] {
            let mut events = Vec::new();
            for _ in 0..self.count {
                let doctor = self.writer.doctor(&self.hospital, standing).await?;
                let path = vec![hospital.clone(), ("doctorId", doctor.to_string())];
                let said = Said { caller, path, ..Said::default() };
                events.push(self.events.request(name, said)?);
            }
            self.events.write(name, &events)?;
        }
        Ok(())
    }

    async fn consent(&mut self) -> Result<()> {
        let asks = json!({
            "patientId": self.vault.patient, "actions": ["read"], "types": ["lab-report"],
            "purpose": "treatment", "durationSeconds": 7200, "message": "Before your visit.",
        });
        let mut events = Vec::new();
        for _ in 0..self.count {
            let doctor = self.writer.doctor(&self.hospital, Standing::Active).await?;
            let caller = Some(self.hospital.doctor(doctor));
            let asks = Said { caller, body: Some(asks.clone()), ..Said::default() };
            events.push(self.events.request("access_request_create", asks)?);
        }
        self.events.write("access_request_create", &events)?;
        self.withdrawals().await?;
        // Vaults of their own: these change what the others read.
        let deciding = self.writer.vault().await?;
        self.decisions("access_request_decide", &deciding).await?;
        let revoking = self.writer.vault().await?;
        let (mut revokes, mut removals) = (Vec::new(), Vec::new());
        for _ in 0..self.count {
            let to = (&self.hospital, DoctorId(new_id()));
            let live = self.writer.granted(&revoking, to, &[]).await?;
            let path = vec![("grantId", live.id.to_string())];
            let said = Said { caller: Some(revoking.caller()), path, ..Said::default() };
            revokes.push(self.events.request("grant_revoke", said)?);
            let to = (&self.hospital, DoctorId(new_id()));
            let gone = self.writer.grant(&revoking, to, (GrantStatus::Active, &[])).await?;
            removals.push(self.removal(&gone)?);
        }
        self.events.write("grant_revoke", &revokes)?;
        self.events.write("table_stream", &removals)
    }

    /// Requests that their doctors take back.
    async fn withdrawals(&mut self) -> Result<()> {
        let vault = self.writer.vault().await?;
        let mut events = Vec::new();
        for _ in 0..self.count {
            let doctor = self.writer.doctor(&self.hospital, Standing::Active).await?;
            let request = self.writer.open_request(&vault, (&self.hospital, doctor)).await?;
            let path = vec![("requestId", request.to_string())];
            let said = Said { caller: Some(self.hospital.doctor(doctor)), path, ..Said::default() };
            events.push(self.events.request("access_request_withdraw", said)?);
        }
        self.events.write("access_request_withdraw", &events)
    }

    /// Requests of doctors who hold a grant, which the new one takes the place of.
    async fn decisions(&mut self, name: &str, vault: &Vault) -> Result<()> {
        let mut events = Vec::new();
        for _ in 0..self.count {
            let doctor = self.writer.doctor(&self.hospital, Standing::Active).await?;
            self.writer.granted(vault, (&self.hospital, doctor), &[]).await?;
            let request = self.writer.open_request(vault, (&self.hospital, doctor)).await?;
            let path = vec![("requestId", request.to_string())];
            let body = Some(json!({ "decision": "approve" }));
            let said = Said { caller: Some(vault.caller()), path, body, ..Said::default() };
            events.push(self.events.request("access_request_decide", said)?);
        }
        self.events.write(name, &events)
    }

    /// The stream tells that TTL took a live grant away, at its time.
    fn removal(&self, live: &store::rows::LiveGrant) -> Result<Value> {
        let mut event = self.events.sample("table_stream")?;
        let change = &mut event["Records"][0]["dynamodb"];
        let at = store::keys::live_grant(live.patient, live.doctor);
        change["Keys"] = json!({ "PK": { "S": at.pk }, "SK": { "S": at.sk } });
        let image = &mut change["OldImage"];
        for (name, value) in [
            ("PK", at.pk),
            ("SK", at.sk),
            ("id", live.id.to_string()),
            ("patient", live.patient.to_string()),
            ("doctor", live.doctor.to_string()),
        ] {
            image[name] = json!({ "S": value });
        }
        Ok(event)
    }

    async fn documents(&mut self) -> Result<()> {
        // Not the vault that is listed: its newest records would all be waiting for their files.
        let vault = self.writer.vault().await?;
        let said = Said { caller: Some(vault.caller()), path: of(&vault), ..Said::default() };
        self.same("upload_create", &said)?;
        let pdf = FileContent { media_type: MediaType::Pdf, ..self.image.clone() };
        let waiting = shape(&self.image, RecordStatus::AwaitingUpload, None);
        let mut withdrawn = Vec::new();
        for _ in 0..self.count {
            let record = self.writer.record(&vault, &waiting).await?.to_string();
            let path = [of(&vault), vec![("recordId", record)]].concat();
            withdrawn.push(self.events.request("upload_withdraw", Said { path, ..said.clone() })?);
        }
        self.events.write("upload_withdraw", &withdrawn)?;
        let pending = shape(&self.image, RecordStatus::Available, Some(TextStatus::Pending));
        let reading = shape(&pdf, RecordStatus::Available, Some(TextStatus::Reading));
        for (name, shape) in
            [("upload_ingest", waiting), ("ocr_start", pending), ("ocr_collect", reading)]
        {
            let mut events = Vec::new();
            for _ in 0..self.count {
                let record = self.writer.record(&vault, &shape).await?;
                let place = Place { patient: vault.patient, record };
                events.push(self.events.message(name, &message(name, place))?);
            }
            self.events.write(name, &events)?;
        }
        Ok(())
    }

    /// A vault with so many rows of each kind, the first records long past; another with so many live
    /// grants; and what reads them.
    async fn grown(&mut self, many: usize) -> Result<()> {
        let vault = self.writer.vault().await?;
        let narrow = self.writer.doctor(&self.hospital, Standing::Active).await?;
        self.writer.granted(&vault, (&self.hospital, narrow), &[RecordType::Immunization]).await?;
        self.writer.granted(&vault, (&self.hospital, self.doctor), &[]).await?;
        let any = shape(&self.image, RecordStatus::Available, Some(TextStatus::Read));
        let old = Shape { class: rows::OLD, ..any.clone() };
        let rare = Shape { class: rows::RARE, ..any.clone() };
        let crowded = self.writer.vault().await?;
        let mut last = RecordId(new_id());
        for n in 0..many {
            let shape = match n {
                0 => &rare,
                n if n <= SHOWN => &old,
                _ => &any,
            };
            last = self.writer.record(&vault, shape).await?;
            // No search looks through more than these.
            if n + 500 >= many {
                self.writer.text(&vault, last).await?;
            }
            let to = (&self.hospital, self.doctor);
            self.writer.grant(&vault, to, (GrantStatus::Revoked, &[])).await?;
            self.writer.request(&vault, to).await?;
            self.writer.entry(&vault, to, last).await?;
            let live = self.writer.live(crowded.patient, DoctorId(new_id()), &[])?;
            self.writer.enforce(&live).await?;
        }
        self.decisions("access_request_decide", &vault).await?;
        self.decisions("access_request_decide among live grants", &crowded).await?;
        self.repeat("grant_sweep", || self.events.sample("grant_sweep"))?;
        self.lists(&vault, narrow, last)
    }

    /// What is read from a vault. Lists ask for as many items as the smallest vault has too: what is
    /// compared is the same answer.
    fn lists(&self, vault: &Vault, narrow: DoctorId, record: RecordId) -> Result<()> {
        let (patient, doctor) = (Some(vault.caller()), Some(self.hospital.doctor(self.doctor)));
        let narrow = Some(self.hospital.doctor(narrow));
        let own = of(vault);
        let one = [own.clone(), vec![("recordId", record.to_string())]].concat();
        let few_of = |name, value: String| [few(), vec![(name, value)]].concat();
        let (absent, old) = (few_of("q", "zebra".into()), few_of("to", rows::OLD.date.to_string()));
        let upload = vec![];
        for (name, operation, caller, path, query) in [
            ("record_get", "record_get", doctor, &one, vec![]),
            ("record_list", "record_list", patient, &own, few()),
            ("record_list by a doctor", "record_list", doctor, &own, few()),
            ("record_list under a narrow grant", "record_list", narrow, &own, few()),
            ("record_list for a word nowhere", "record_list", patient, &own, absent),
            ("record_list of long ago", "record_list", patient, &own, old),
            ("upload_create", "upload_create", patient, &own, upload),
            ("grant_list", "grant_list", patient, &vec![], few()),
            ("access_request_list", "access_request_list", patient, &vec![], few()),
            ("audit_list", "audit_list", patient, &own, few()),
        ] {
            self.repeat(name, || {
                let (path, query) = (path.clone(), query.clone());
                self.events.request(operation, Said { caller, path, query, body: None })
            })?;
        }
        Ok(())
    }
}

/// The path of what is in a vault.
fn of(vault: &Vault) -> Vec<(&'static str, String)> {
    vec![("patientId", vault.patient.to_string())]
}

/// As many items as are compared.
fn few() -> Vec<(&'static str, String)> {
    vec![("limit", SHOWN.to_string())]
}

fn shape(file: &FileContent, status: RecordStatus, text: Option<TextStatus>) -> Shape {
    Shape { class: rows::USUAL, status, text, file: file.clone() }
}

/// What the queue of an operation says of a file.
fn message(operation: &str, place: Place) -> Value {
    match operation {
        "upload_ingest" => json!({ "Records": [{
            "eventName": "ObjectCreated:Post",
            "s3": { "bucket": { "name": BUCKET }, "object": { "key": place.quarantine() } },
        }] }),
        "ocr_start" => json!({ "patientId": place.patient, "recordId": place.record }),
        _ => json!({
            "JobId": "job",
            "Status": "SUCCEEDED",
            "JobTag": "attempt-0",
            "DocumentLocation": { "S3ObjectName": place.kept(), "S3Bucket": BUCKET },
        }),
    }
}
