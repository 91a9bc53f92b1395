//! Adding a hospital with its first admin: an operator's command, made of plain AWS calls.
//!
//! It may be repeated after a crash. The admin's account comes first and carries the ids of both;
//! a repetition finds it by its address, takes the ids from it and writes what is missing. Until
//! the table knows them, the account opens nothing (I9).

use domain::{
    HospitalId, StaffId, Timestamp,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    caller::Role,
    policy::Action,
    staff::Standing,
};
use store::{
    Fault, Owner, Store, keys, new_id,
    rows::{self, Profile, StaffContent},
    table::sealed_item,
};

use crate::directory::{Directory, Made, NewAccount, Staff};

/// A hospital to be added.
#[derive(Debug, Clone, Copy)]
pub struct NewHospital<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its first admin's name.
    pub admin_name: &'a str,
    /// Their email address.
    pub admin_email: &'a str,
    /// The password they must replace at first sign-in. Whoever chose it hands it over; without
    /// one, Cognito makes one and mails it.
    pub temporary_password: Option<&'a str>,
}

/// A hospital that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// The hospital.
    pub hospital: HospitalId,
    /// Its first admin.
    pub admin: StaffId,
}

/// Why a hospital could not be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddError {
    /// The address has an account that is not this hospital's first admin's.
    AddressTaken,
    /// Cognito does not take the address or the password.
    AddressUnusable,
    /// Something below failed; repeat the command.
    Fault(Fault),
}

impl From<Fault> for AddError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl std::fmt::Display for AddError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AddressTaken => f.write_str("the address already has another account"),
            Self::AddressUnusable => f.write_str("the address or the password cannot be used"),
            Self::Fault(fault) => write!(f, "an AWS service failed ({fault}); try again"),
        }
    }
}

impl std::error::Error for AddError {}

/// Adds a hospital and its first admin, or finds both where an earlier call added them.
///
/// # Errors
/// See [`AddError`].
pub async fn add_hospital(
    store: &Store,
    directory: &Directory,
    new: NewHospital<'_>,
    now: Timestamp,
) -> Result<Added, AddError> {
    let email = new.admin_email.trim().to_ascii_lowercase();
    let new = NewHospital { admin_email: &email, ..new };
    let minted =
        Staff { role: Role::HospitalAdmin, person: new_id(), hospital: HospitalId(new_id()) };
    let account = NewAccount { email: new.admin_email, name: new.admin_name, staff: minted };
    let staff = match directory.make(account, new.temporary_password).await? {
        Made::New => minted,
        Made::Unusable => return Err(AddError::AddressUnusable),
        Made::Taken => {
            let found = directory.find(new.admin_email).await?;
            let staff = found.staff.filter(|staff| staff.role == Role::HospitalAdmin);
            let staff = staff.ok_or(AddError::AddressTaken)?;
            if found.unopened && new.temporary_password.is_none() {
                directory.remind(new.admin_email).await?;
            }
            staff
        }
    };
    let added = Added { hospital: staff.hospital, admin: StaffId(staff.person) };
    match write(store, added, new, now).await {
        Ok(()) => Ok(added),
        Err(Fault::Changed) if is_named(store, added, new.name).await? => Ok(added),
        Err(Fault::Changed) => Err(AddError::AddressTaken),
        Err(fault) => Err(fault.into()),
    }
}

/// The hospital's vault, its admin and the audit entry: one transaction (I2).
async fn write(
    store: &Store,
    Added { hospital, admin }: Added,
    new: NewHospital<'_>,
    now: Timestamp,
) -> Result<(), Fault> {
    let profile = Profile { name: new.name.to_owned(), email: None };
    let (vault, key) = store.new_vault(Owner::Hospital(hospital), &profile, now).await?;
    let at = keys::admin(hospital, admin);
    let row = rows::Staff {
        standing: Standing::Active,
        created_at: now,
        changed_at: now,
        sent_at: Some(now),
    };
    let (name, email) = (new.admin_name.to_owned(), new.admin_email.to_owned());
    let content = StaffContent { name, email, licence: None, specialty: None };
    let first = sealed_item(&at, &key, &row, &content)?;
    let entry = Draft {
        ledger: Ledger::Hospital(hospital),
        actor: Actor::System,
        action: Action::DoctorInvite,
        outcome: Outcome::Done(Done::Founded),
        target: Target::default(),
    };
    store.follow_up().create(vault).create(first).audit(&entry, now).commit().await
}

/// Whether the hospital that is there already is the one that was meant.
async fn is_named(store: &Store, added: Added, name: &str) -> Result<bool, Fault> {
    let owner = Owner::Hospital(added.hospital);
    let read = store.table.read(&[keys::vault(owner)]).await?;
    let [Some(vault)] = read.as_slice() else { return Ok(false) };
    let wrapped = vault.bytes("wrapped").ok_or(Fault::Corrupt("wrapped-key"))?;
    let profile: Profile = vault.open(&*store.keys.unwrap(owner, wrapped).await?)?;
    Ok(profile.name == name)
}
