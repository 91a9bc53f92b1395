//! Sending an invitation: the second half of `doctor_invite`, begun by the table's stream. May be
//! run twice, late or out of order without harm (I7), and until the doctor's item says that it was
//! sent it is still to be done (I11).

use domain::{
    DoctorId, HospitalId, Timestamp,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    caller::Role,
    names::Named,
    policy::Action,
    staff::Standing,
};
use store::{
    Attribute, Fault, Owner, Store, Update, keys,
    rows::{self, StaffContent},
    text,
};

use crate::directory::{Directory, Made, NewAccount, Staff};

/// What came of sending an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The doctor has an account and was told.
    Now,
    /// Nothing was left to do.
    Before,
    /// The address cannot be used: the doctor's standing says so.
    Failed,
}

/// Sends the invitation of a doctor whose item was written: makes their account, which mails them
/// a temporary password. Reads the item as it stands now, whatever the event said.
///
/// # Errors
/// When something below failed or changed meanwhile: run it again.
pub async fn send(
    store: &Store,
    directory: &Directory,
    (hospital, doctor): (HospitalId, DoctorId),
    now: Timestamp,
) -> Result<Sent, Fault> {
    let owner = Owner::Hospital(hospital);
    let at = keys::doctor(hospital, doctor);
    let read = store.table.read(&[keys::vault(owner), at.clone()]).await?;
    let [Some(vault), Some(item)] = read.as_slice() else { return Ok(Sent::Before) };
    let row: rows::Staff = item.clear()?;
    if row.sent_at.is_some() || row.standing == Standing::InviteFailed {
        return Ok(Sent::Before);
    }
    let wrapped = vault.bytes("wrapped").ok_or(Fault::Corrupt("wrapped-key"))?;
    let content: StaffContent = item.open(&*store.keys.unwrap(owner, wrapped).await?)?;
    let staff = Staff { role: Role::Doctor, person: doctor.0, hospital };
    if !told(directory, &content, staff).await? {
        fail(store, (hospital, doctor), row.standing, now).await?;
        return Ok(Sent::Failed);
    }
    let mark = Update::at(at).set(Attribute::SentAt, text(now));
    store.follow_up().update(mark).commit().await?;
    Ok(Sent::Now)
}

/// Whether the doctor has their account and was told of it. One that is theirs already was made by
/// an earlier run that did not come to its end: perhaps not to its mail either, so it is sent again.
async fn told(directory: &Directory, content: &StaffContent, staff: Staff) -> Result<bool, Fault> {
    let account = NewAccount { email: &content.email, name: &content.name, staff };
    match directory.make(account, None).await? {
        Made::New => Ok(true),
        Made::Unusable => Ok(false),
        Made::Taken => {
            let taken = directory.find(&content.email).await?;
            let theirs = taken.staff == Some(staff);
            if theirs && taken.unopened {
                directory.remind(&content.email).await?;
            }
            Ok(theirs)
        }
    }
}

/// Notes that the invitation cannot be sent, with its audit entry (I2).
async fn fail(
    store: &Store,
    (hospital, doctor): (HospitalId, DoctorId),
    before: Standing,
    now: Timestamp,
) -> Result<(), Fault> {
    let entry = Draft {
        ledger: Ledger::Hospital(hospital),
        actor: Actor::System,
        action: Action::DoctorInvite,
        outcome: Outcome::Done(Done::InviteFailed),
        target: Target { doctor: Some(doctor), ..Target::default() },
    };
    let update = Update::at(keys::doctor(hospital, doctor))
        .require(Attribute::Standing, "=", text(before.name()))
        .set(Attribute::Standing, text(Standing::InviteFailed.name()))
        .set(Attribute::ChangedAt, text(now));
    store.follow_up().update(update).audit(&entry, now).commit().await
}
