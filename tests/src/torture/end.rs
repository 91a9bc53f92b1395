//! What is there at the end, as the API tells it.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::{Outcome, Surprise, cast::pages, poll};

use super::{
    act::{entry, text},
    history::{End, EndGrant, EndRecord, EndRequest, Vault},
    step::PATIENTS,
    world::{Who, World},
};

impl World<'_> {
    /// Reads all that there is, through the API.
    pub fn end(&self) -> Outcome<End> {
        let vaults = (0..PATIENTS).map(|patient| self.vault(patient)).collect::<Outcome<_>>()?;
        let list = self.hospital.path("/doctors?limit=100");
        let doctors = pages(self.stack, &self.token(Who::Admin)?, &list)?;
        let active = |id: &String| {
            doctors.iter().any(|doctor| doctor["id"] == **id && doctor["standing"] == "active")
        };
        let active = self.history().doctors.iter().map(active).collect();
        Ok(End { vaults, active })
    }

    fn vault(&self, patient: usize) -> Outcome<Vault> {
        let who = Who::Patient(patient);
        let token = self.token(who)?;
        let list = |path: &str| pages(self.stack, &token, path);
        let own = |rest: &str| list(&format!("/v1/patients/{}{rest}", self.id(who)));
        // A file may still arrive between a look at the list and one at its record.
        let records = poll("the register to hold what its records are", || {
            let listed = own("/records?limit=100&sort=-added")?;
            let records = listed.iter().map(|entry| self.as_listed(who, entry));
            records.collect::<Outcome<Option<Vec<_>>>>()
        })?;
        let requests = list("/v1/access-requests?limit=100")?;
        let grants = list("/v1/grants?limit=100")?;
        let trail = own("/audit?limit=100&fold=none")?;
        let doctors = self.history().doctors.clone();
        Ok(Vault {
            records,
            requests: requests.iter().map(request).collect(),
            grants: grants.iter().map(|one| grant(one, &doctors)).collect::<Outcome<_>>()?,
            trail: trail.iter().filter_map(entry).collect(),
        })
    }
}

impl World<'_> {
    /// A record, if it is what the list says of it.
    fn as_listed(&self, who: Who, entry: &Value) -> Outcome<Option<EndRecord>> {
        let path = format!("/v1/patients/{}/records/{}", self.id(who), text(entry, "/id"));
        let of = self.stack.get_path(&path).token(&self.token(who)?).expect(200)?.body;
        let same = ["id", "type", "date", "title", "status", "version", "author"];
        let is_same = same.iter().all(|name| of[*name] == entry[*name]);
        Ok(is_same.then(|| record(&of)))
    }
}

fn record(of: &Value) -> EndRecord {
    EndRecord {
        id: text(of, "/id"),
        kind: text(of, "/type"),
        title: text(of, "/title"),
        read: text(of, "/status") == "available" && text(of, "/text/status") == "read",
    }
}

fn request(of: &Value) -> EndRequest {
    let grant = of["grantId"].as_str().map(str::to_owned);
    EndRequest { id: text(of, "/id"), status: text(of, "/status"), grant }
}

fn grant(of: &Value, doctors: &[String]) -> Outcome<EndGrant> {
    let doctor = doctors.iter().position(|id| of["doctorId"] == **id);
    let kinds = of["terms"]["types"].as_array().into_iter().flatten();
    let kinds: BTreeSet<_> = kinds.filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(EndGrant {
        id: text(of, "/id"),
        doctor: doctor.ok_or_else(|| Surprise(format!("a grant for a stranger: {of}")))?,
        status: text(of, "/status"),
        kinds,
        expires_at: text(of, "/expiresAt").parse()?,
    })
}
