//! Writing refusals: each by itself, until those of a stranger become a flood.

use domain::{
    AuditId, Timestamp,
    audit::{Draft, Entry},
};

use crate::{
    Store,
    error::Fault,
    keys, sha256_hex,
    table::{Attributes, item},
};

/// How many refusals of one stranger stand by themselves in an hour of a trail.
const EACH_BY_ITSELF: u64 = 20;
/// In seconds.
const HOUR: i64 = 60 * 60;

impl Store {
    /// Writes the entry of a refusal. After 20 in one hour by somebody who has no business in the
    /// vault, one entry counts all that are alike: nobody can flood the trail of another.
    ///
    /// # Errors
    /// `Fault::Unavailable` when the table refuses; then the caller must not be answered either.
    pub async fn write_refusal(&self, draft: &Draft, now: Timestamp) -> Result<(), Fault> {
        let Some(alike) = draft.by_a_stranger() else { return self.write_entry(draft, now).await };
        let hour = now.as_second().div_euclid(HOUR) * HOUR;
        let tries = keys::tries(alike.ledger, alike.actor.id().unwrap_or_default(), hour);
        let gone = item(&tries, &Expiring { expires_at: hour + 2 * HOUR })?;
        if self.table.count(&tries, "tries", gone, Attributes::new()).await? <= EACH_BY_ITSELF {
            return self.write_entry(draft, now).await;
        }
        let Draft { ledger, actor, action, outcome, target } = alike;
        let id = folded_id(&alike, hour);
        let entry =
            Entry { id, at: now, last_at: Some(now), times: 0, actor, action, outcome, target };
        let at = keys::audit(ledger, now, id);
        let mut always = item(&at, &entry)?;
        let first = always.remove_entry("at").into_iter().collect();
        always.remove("times");
        self.table.count(&at, "times", always, first).await.map(drop)
    }
}

#[derive(serde::Serialize)]
struct Expiring {
    expires_at: i64,
}

/// The id of the entry that counts what is alike in an hour (in seconds): the same each time, and
/// sorted where the hour begins.
fn folded_id(alike: &Draft, hour: i64) -> AuditId {
    let Draft { actor, action, outcome, .. } = alike;
    let said = format!("{} {action} {outcome:?}", actor.id().unwrap_or_default());
    let digest = sha256_hex(&[said.as_bytes()]);
    let mut bytes = [0; 10];
    bytes.iter_mut().zip(digest.bytes()).for_each(|(to, from)| *to = from);
    let millis = u64::try_from(hour.saturating_mul(1000)).unwrap_or_default();
    AuditId(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use domain::{
        PatientId,
        audit::{Actor, Ledger, Outcome, Target},
        policy::{Action, Denial},
    };
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_alike_has_one_id_in_an_hour_and_what_is_not_has_another() {
        let stranger = |n| Actor::Patient { id: PatientId(Uuid::from_u128(n)) };
        let draft = |actor, action, denial| Draft {
            ledger: Ledger::Patient(PatientId(Uuid::nil())),
            actor,
            action,
            outcome: Outcome::Refused(denial),
            target: Target::default(),
        };
        let one = draft(stranger(1), Action::RecordGet, Denial::NotOwner);
        let id = folded_id(&one, 7200);
        assert_eq!(folded_id(&one, 7200), id);
        assert_eq!(id.0.get_timestamp().map(|at| at.to_unix().0), Some(7200));
        let others = [
            folded_id(&one, 10_800),
            folded_id(&draft(stranger(2), Action::RecordGet, Denial::NotOwner), 7200),
            folded_id(&draft(stranger(1), Action::RecordList, Denial::NotOwner), 7200),
            folded_id(&draft(stranger(1), Action::RecordGet, Denial::WrongRole), 7200),
        ];
        assert!(!others.contains(&id));
    }
}
