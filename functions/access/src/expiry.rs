//! Records that a grant's time ran out: exactly once, however often and by whomever it is noticed
//! (I4, I7). Whether the grant was in force was decided by the clock all along.

use domain::{
    Timestamp,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    consent::GrantStatus,
    names::Named,
    policy::Action,
};
use store::{Attribute, Change, Fault, Store, Update, keys, rows::LiveGrant, text};

/// Adds to `change` that `live` expired.
pub(crate) fn expire<'s>(
    change: Change<'s>,
    live: &LiveGrant,
    by: Action,
    now: Timestamp,
) -> Change<'s> {
    let grant = Update::at(keys::grant(live.patient, live.id))
        .set(Attribute::Status, text(GrantStatus::Expired.name()))
        .set(Attribute::EndedAt, text(live.ends_at))
        .require(Attribute::Status, "=", text(GrantStatus::Active.name()));
    let entry = Draft {
        ledger: Ledger::Patient(live.patient),
        actor: Actor::System,
        action: by,
        outcome: Outcome::Done(Done::Expired),
        target: Target {
            grant: Some(live.id),
            doctor: Some(live.doctor),
            purpose: Some(live.terms.purpose),
            ..Target::default()
        },
    };
    change.update(grant).audit(&entry, now)
}

/// What the sweep does: records the expiry and takes the live grant away.
///
/// # Errors
/// `Fault::Unavailable` when the table refuses. That somebody else was first is no error.
pub(crate) async fn sweep(store: &Store, live: &LiveGrant, now: Timestamp) -> Result<bool, Fault> {
    let place = keys::live_grant(live.patient, live.doctor);
    let change = expire(store.follow_up(), live, Action::GrantSweep, now);
    first(change.delete(&place, Attribute::Id, text(live.id)).commit().await)
}

/// What the stream does when a live grant went before any sweep. Before its time that was a
/// revocation or a replacement, which left its own entry.
///
/// # Errors
/// `Fault::Unavailable` when the table refuses. That somebody else was first is no error.
pub async fn removed(store: &Store, live: &LiveGrant, now: Timestamp) -> Result<(), Fault> {
    if live.ends_at > now {
        return Ok(());
    }
    first(expire(store.follow_up(), live, Action::TableStream, now).commit().await)?;
    Ok(())
}

/// Whether this was the first to record it.
fn first(committed: Result<(), Fault>) -> Result<bool, Fault> {
    match committed {
        Ok(()) => Ok(true),
        Err(Fault::Changed) => Ok(false),
        Err(fault) => Err(fault),
    }
}
