//! `DELETE /v1/grants/{grantId}`: the patient withdraws a grant; the doctor's next request is
//! refused (I5). Withdrawing one that has ended already changes nothing and is no error. One that was
//! replaced by a grant still in force is: 409 names that one, so that nobody takes the doctor's access
//! for ended.

use domain::{
    GrantId, Timestamp, audit::Target, consent::GrantStatus, names::Named,
    policy::acts::GrantRevoke,
};
use edge::{
    Failure, Http, Input, Known, Problem, Promise, Read, Reader, Reply, Request, problem::NOT_FOUND,
};
use store::{
    Attribute, Item, Store, Update, keys,
    rows::{GrantRow, LiveGrant},
    text,
};

use crate::finding::find;

const OTHER_GRANT: Known = Known::conflict(
    "other-grant-in-force",
    "This grant has ended, but the doctor holds a later one; grantId says which.",
);

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http("grant_revoke", "DELETE /v1/grants/{grantId}", |store, request, input| {
        Box::pin(handle(store, request, input))
    })
    .problems(&[OTHER_GRANT])
}

struct Which {
    grant: GrantId,
}

impl Input for Which {
    fn read(read: &Reader<'_>) -> Read<Self> {
        Ok(Self { grant: read.path("grantId", GrantId::parse)? })
    }
}

async fn handle(store: &Store, request: &Request, input: Which) -> Result<Reply<(), 204>, Failure> {
    let caller = request.caller()?;
    let id = input.grant;
    let found = find(store, &caller, id.0, |look| look.grant(id)).await?;
    let permit = found.permit::<GrantRevoke>(None, request.now)?;
    let row = &permit.past_grant().ok_or(NOT_FOUND)?.row;
    if row.status != GrantStatus::Active || row.ends_at <= request.now {
        return match row.status {
            GrantStatus::Replaced => replaced(store, row, request.now).await,
            _ => Ok(Reply::no_content()),
        };
    }
    let ended = Update::at(keys::grant(row.patient, row.id))
        .set(Attribute::Status, text(GrantStatus::Revoked.name()))
        .set(Attribute::EndedAt, text(request.now))
        .require(Attribute::Status, "=", text(GrantStatus::Active.name()));
    let purpose = Some(row.terms.purpose);
    let entry =
        permit.entry().pointing(|target| Target { doctor: Some(row.doctor), purpose, ..target });
    permit
        .change()
        .update(ended)
        .delete(&keys::live_grant(row.patient, row.doctor), Attribute::Id, text(row.id))
        .audit(&entry, request.now)
        .commit()
        .await?;
    Ok(Reply::no_content())
}

/// Nothing is left to withdraw, unless the grant that took its place is in force.
async fn replaced(
    store: &Store,
    row: &GrantRow,
    now: Timestamp,
) -> Result<Reply<(), 204>, Failure> {
    let at = keys::live_grant(row.patient, row.doctor);
    let found = store.table.read(&[at]).await?;
    let live: Option<LiveGrant> = found.iter().flatten().next().map(Item::clear).transpose()?;
    match live.filter(|live| live.id != row.id && live.ends_at > now) {
        Some(live) => Err(Problem { grant: Some(live.id), ..OTHER_GRANT.into() }.into()),
        None => Ok(Reply::no_content()),
    }
}
