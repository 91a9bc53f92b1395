//! `POST /v1/access-requests/{requestId}/decision`: the patient approves or rejects. They may give
//! less than was asked by stating `terms`; giving more takes `allowMore: true`. A grant begins
//! now and takes the place of the one the doctor may hold. Needs an `Idempotency-Key` (I7).

use std::time::Duration;

use domain::{
    Caller, GrantId, RequestId, Timestamp,
    audit::{Done, Draft, Outcome, Target},
    consent::{GrantStatus, Purpose, RequestStatus, Terms},
    named,
    names::Named,
    policy::{Action, Permit, acts::AccessRequestDecide, permit},
};
use edge::{Failure, Http, Idempotency, Problem, Reader, Reply, Request, read};
use serde::Serialize;
use store::{
    Change, DataKey, Fault, Item, Look, Store, Update, keys,
    rows::{self, GrantRow, LiveGrant, RequestContent},
    table::{index, item, seal},
    text,
};

use crate::{expiry, terms::read_terms};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store> {
    edge::http(
        "access_request_decide",
        || Box::pin(Store::connect()),
        |store, request| Box::pin(handle(store, request)),
    )
}

named! {
    /// What the patient decides.
    pub enum Verdict {
        /// Give access.
        Approve = "approve",
        /// Give none.
        Reject = "reject",
    }
}

struct Input {
    request: RequestId,
    verdict: Verdict,
    terms: Option<Terms>,
    allow_more: bool,
    idempotency: Idempotency,
}

impl Input {
    fn parse(request: &Request) -> Result<Self, Failure> {
        let read = Reader::with_body(request);
        let id = read.path("requestId", RequestId::parse);
        let verdict = read.field("/decision", read::named);
        let terms = read.has("/terms").then(|| read_terms(&read, "/terms")).transpose();
        let allow_more = read.optional("/allowMore", read::flag);
        let idempotency = read.idempotency();
        read.finish()?;
        Ok(Self {
            request: id?,
            verdict: verdict?,
            terms: terms?,
            allow_more: allow_more?.unwrap_or(false),
            idempotency: idempotency?,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    id: RequestId,
    status: RequestStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<GrantView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GrantView {
    id: GrantId,
    terms: Terms,
    not_before: Timestamp,
    expires_at: Timestamp,
}

async fn handle(store: &Store, request: &Request) -> Result<Reply, Failure> {
    let caller = request.caller()?;
    let input = Input::parse(request)?;
    let place = input.idempotency.place::<AccessRequestDecide>(&caller);
    // Only a patient has grants to look at; anybody else is refused by the policy.
    let (look, live) = match caller {
        Caller::Patient(id) => (
            Look::vault(&caller, id).request(input.request).saved(&place),
            Some(keys::live_grants(id)),
        ),
        _ => (Look::own(&caller), None),
    };
    let live = async {
        match live {
            Some(range) => store.scroll(range, None).all().await,
            None => Ok(Vec::new()),
        }
    };
    let (found, live) = tokio::try_join!(store.look(look), live)?;
    let facts = found.facts(None);
    let permit = permit::<AccessRequestDecide>(&caller, &facts, found.target(), request.now)?;
    let key = store.patient_key(&permit, &found).await?;
    if let Some(reply) = input.idempotency.replay(&permit, &found, &key)? {
        return Ok(reply);
    }
    let asked = found.request_item(&permit).ok_or_else(Problem::not_found)?;
    let row: rows::Request = asked.clear()?;
    if row.status != RequestStatus::Pending {
        let detail = "This request has been decided already.";
        return Err(Problem::conflict("already-decided", detail).into());
    }
    let decision = Decision { store, permit: &permit, key: &key, input: &input, row: &row };
    let (change, reply) = match input.verdict {
        Verdict::Reject => decision.reject()?,
        Verdict::Approve => decision.approve(asked, &live)?,
    };
    input.idempotency.keep(change, &permit, &reply, &key).commit().await?;
    Ok(reply)
}

/// A decision on a pending request of the patient who calls.
struct Decision<'a> {
    store: &'a Store,
    permit: &'a Permit<AccessRequestDecide>,
    key: &'a DataKey,
    input: &'a Input,
    row: &'a rows::Request,
}

impl<'a> Decision<'a> {
    fn reject(&self) -> Result<(Change<'a>, Reply), Failure> {
        let output = Output { id: self.row.id, status: RequestStatus::Rejected, grant: None };
        let purpose = self.row.terms.purpose;
        let change = self.decided(RequestStatus::Rejected, Done::Rejected, None, purpose);
        Ok((change, Reply::ok(&output)?))
    }

    fn approve(&self, asked: &Item, live: &[Item]) -> Result<(Change<'a>, Reply), Failure> {
        let (terms, done) = self.terms()?;
        let names = asked.open::<RequestContent>(self.key)?.who;
        let id = GrantId(store::new_id());
        // Whole seconds: a grant ends at the second that TTL and everybody else understands.
        let not_before = Timestamp::from_second(self.permit.now().as_second())
            .map_err(|_| Fault::Corrupt("clock"))?;
        let ends_at = not_before + Duration::from_secs(terms.duration_seconds.into());
        let row = GrantRow {
            id,
            patient: self.row.patient,
            doctor: self.row.doctor,
            hospital: self.row.hospital,
            terms: terms.clone(),
            not_before,
            ends_at,
            status: GrantStatus::Active,
            created_at: self.permit.now(),
            ended_at: None,
        };
        let at = keys::grant(row.patient, id);
        let mut attributes = item(&at, &row)?;
        seal(&mut attributes, &at, self.key, &names)?;
        index(&mut attributes, &keys::in_doctor_grants(row.doctor, id));
        let change =
            self.decided(RequestStatus::Approved, done, Some(id), terms.purpose).create(attributes);
        let change = self.put_live(change, &row, live)?;
        let grant = GrantView { id, terms, not_before, expires_at: ends_at };
        let output =
            Output { id: self.row.id, status: RequestStatus::Approved, grant: Some(grant) };
        Ok((change, Reply::ok(&output)?))
    }

    /// The terms given, and whether they are less or more than was asked.
    fn terms(&self) -> Result<(Terms, Done), Failure> {
        let asked = &self.row.terms;
        match &self.input.terms {
            None => Ok((asked.clone(), Done::Approved)),
            Some(given) if given == asked => Ok((asked.clone(), Done::Approved)),
            Some(given) if given.within(asked) => Ok((given.clone(), Done::Narrowed)),
            Some(given) if self.input.allow_more => Ok((given.clone(), Done::Widened)),
            Some(_) => {
                let detail = "These terms give more than was asked; say allowMore to mean it.";
                Err(Problem::conflict("more-than-asked", detail).into())
            }
        }
    }

    fn decided(
        &self,
        status: RequestStatus,
        done: Done,
        grant: Option<GrantId>,
        purpose: Purpose,
    ) -> Change<'a> {
        let now = self.permit.now();
        let mut request = Update::at(keys::request(self.row.patient, self.row.id))
            .set("status", text(status.name()))
            .set("decided_at", text(now))
            .require("status", "=", text(RequestStatus::Pending.name()));
        if let Some(grant) = grant {
            request = request.set("grant", text(grant));
        }
        let target = Target {
            request: Some(self.row.id),
            grant,
            doctor: Some(self.row.doctor),
            purpose: Some(purpose),
            ..Target::default()
        };
        let entry = Draft { outcome: Outcome::Done(done), ..self.permit.entry(target) };
        self.store.change(self.permit).update(request).audit(&entry, now)
    }

    /// Makes the grant the live one, in place of the one the doctor may hold.
    fn put_live(
        &self,
        change: Change<'a>,
        grant: &GrantRow,
        live: &[Item],
    ) -> Result<Change<'a>, Failure> {
        let now = self.permit.now();
        let at = keys::live_grant(grant.patient, grant.doctor);
        let row = LiveGrant {
            id: grant.id,
            patient: grant.patient,
            doctor: grant.doctor,
            terms: grant.terms.clone(),
            not_before: grant.not_before,
            ends_at: grant.ends_at,
            reads: 0,
            expires_at: grant.ends_at.as_second(),
        };
        let mut attributes = item(&at, &row)?;
        index(&mut attributes, &keys::in_expiry(grant.id, grant.ends_at));
        let Some(held) = live.iter().find(|item| item.key == at) else {
            return Ok(change.create(attributes));
        };
        let held: LiveGrant = held.clear()?;
        let change = change.replace(attributes, "id", text(held.id));
        if held.ends_at <= now {
            return Ok(expiry::expire(change, &held, Action::AccessRequestDecide, now));
        }
        Ok(change.update(
            Update::at(keys::grant(held.patient, held.id))
                .set("status", text(GrantStatus::Replaced.name()))
                .set("ended_at", text(now))
                .require("status", "=", text(GrantStatus::Active.name())),
        ))
    }
}
