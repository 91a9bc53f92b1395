//! `DELETE /v1/grants/{grantId}`: the patient withdraws a grant; the doctor's next request is
//! refused (I5). Withdrawing one that has ended already changes nothing and is no error.

use domain::{
    Caller, GrantId, audit::Target, consent::GrantStatus, names::Named, policy::acts::GrantRevoke,
};
use edge::{Failure, Http, Input, Promise, Read, Reader, Reply, Request, problem::NOT_FOUND};
use store::{Attribute, Look, Store, Update, keys, text};

/// The operation.
#[must_use]
pub fn operation() -> Http<Store, impl Promise> {
    edge::http("grant_revoke", "DELETE /v1/grants/{grantId}", |store, request, input| {
        Box::pin(handle(store, request, input))
    })
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
    let look = match caller {
        Caller::Patient(id) => Look::vault(&caller, id).grant(input.grant),
        _ => Look::own(&caller),
    };
    let found = store.look(look).await?;
    let permit = found.permit::<GrantRevoke>(None, request.now)?;
    let row = &permit.past_grant().ok_or(NOT_FOUND)?.row;
    if row.status != GrantStatus::Active || row.ends_at <= request.now {
        return Ok(Reply::no_content());
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
