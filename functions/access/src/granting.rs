//! Giving a grant: it takes the place of the one the doctor may hold (I1: at most one at a time).

use std::time::Duration;

use domain::{
    DoctorId, GrantId, HospitalId, PatientId, Timestamp,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    consent::{GrantStatus, Terms},
    names::Named,
    policy::Action,
};
use store::{
    Attribute, Change, DataKey, Fault, Item, Store, Update, keys,
    rows::{Belonging, GrantRow, LiveGrant, Names},
    table::{index, item, sealed_item},
    text,
};

use crate::expiry;

/// Who gives to whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parties {
    pub(crate) patient: PatientId,
    pub(crate) doctor: DoctorId,
    pub(crate) hospital: HospitalId,
}

/// A new grant of `terms` that begins at `now`. It begins and ends at whole seconds: those that TTL
/// and everybody else understands.
pub(crate) fn begin(parties: Parties, terms: Terms, now: Timestamp) -> Result<GrantRow, Fault> {
    let second = Timestamp::from_second(now.as_second());
    let not_before = second.map_err(|_| Fault::Corrupt("clock"))?;
    let length = Duration::from_secs(terms.duration_seconds.into());
    Ok(GrantRow {
        id: GrantId(store::new_id()),
        patient: parties.patient,
        doctor: parties.doctor,
        hospital: parties.hospital,
        terms,
        not_before,
        ends_at: not_before.checked_add(length).map_err(|_| Fault::Corrupt("clock"))?,
        status: GrantStatus::Active,
        created_at: now,
        ended_at: None,
    })
}

/// How many live grants are read at once: more cost time that few patients need.
const SHOWN: usize = 20;

/// The patient's live grants as far as a short query shows them. Few patients have more, so the one
/// a doctor holds is known before it is known which doctor is meant.
pub(crate) struct LiveGrants {
    shown: Vec<Item>,
    whole: bool,
}

impl LiveGrants {
    /// Those of `patient`.
    pub(crate) async fn of(store: &Store, patient: PatientId) -> Result<Self, Fault> {
        let mut scroll = store.scroll(keys::live_grants(patient), None).for_page(SHOWN);
        let shown = scroll.next().await?.unwrap_or_default();
        Ok(Self { shown, whole: scroll.has_ended() })
    }

    /// The one that `doctor` holds, if any.
    pub(crate) async fn held(
        self,
        store: &Store,
        Parties { patient, doctor, .. }: Parties,
    ) -> Result<Option<Item>, Fault> {
        let at = keys::live_grant(patient, doctor);
        let shown = self.shown.into_iter().find(|item| item.key == at);
        if shown.is_some() || self.whole {
            return Ok(shown);
        }
        Ok(store.table.read(&[at]).await?.into_iter().next().flatten())
    }
}

/// Adds to `change` that `grant` is given. `held` is the live grant the doctor holds, if any; `by`
/// is the action that records it where that one turns out to have expired.
pub(crate) fn give<'s>(
    change: Change<'s>,
    grant: &GrantRow,
    names: &Names,
    key: &DataKey,
    (held, by): (Option<&Item>, Action),
) -> Result<Change<'s>, Fault> {
    let at = keys::grant(grant.patient, grant.id);
    let mut attributes = sealed_item(&at, key, grant, names)?;
    index(&mut attributes, &keys::in_doctor_grants(grant.doctor, grant.id));
    let belonging = item(&keys::belonging(grant.id.0), &Belonging { patient: grant.patient })?;
    put_live(change.create(attributes).create(belonging), grant, held, by)
}

/// Makes the grant the live one.
fn put_live<'s>(
    change: Change<'s>,
    grant: &GrantRow,
    held: Option<&Item>,
    by: Action,
) -> Result<Change<'s>, Fault> {
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
    let Some(held) = held else {
        return Ok(change.create(attributes));
    };
    let (held, now): (LiveGrant, _) = (held.clear()?, grant.created_at);
    let change = change.replace(attributes, Attribute::Id, text(held.id));
    if held.ends_at <= now {
        return Ok(expiry::expire(change, &held, by, now));
    }
    Ok(replace(change, &held, by, now))
}

/// Adds to `change` that a live grant ended because another took its place.
fn replace<'s>(change: Change<'s>, held: &LiveGrant, by: Action, now: Timestamp) -> Change<'s> {
    let ended = Update::at(keys::grant(held.patient, held.id))
        .set(Attribute::Status, text(GrantStatus::Replaced.name()))
        .set(Attribute::EndedAt, text(now))
        .require(Attribute::Status, "=", text(GrantStatus::Active.name()));
    let entry = Draft {
        ledger: Ledger::Patient(held.patient),
        actor: Actor::Patient { id: held.patient },
        action: by,
        outcome: Outcome::Done(Done::Replaced),
        target: Target {
            grant: Some(held.id),
            doctor: Some(held.doctor),
            purpose: Some(held.terms.purpose),
            ..Target::default()
        },
    };
    change.update(ended).audit(&entry, now)
}
