//! Binding a vault to another account: an operator's command for a patient who lost their sign-in and
//! proved who they are (docs/OPERATIONS.md). A lost sign-in never loses a vault (I11).
//!
//! It may be repeated after a crash: the new account carries the patient's id, and is found by it.

use domain::{
    PatientId, Timestamp,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    names::Named,
    policy::Action,
};
use store::{
    Attribute, Fault, Store,
    rows::{Profile, VaultStatus},
    text,
};

use crate::{
    code,
    cognito::{Accounts, Held},
};

/// Why a vault could not be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindError {
    /// The address has an account of somebody else.
    AddressTaken,
    /// Cognito does not take the address.
    AddressUnusable,
    /// Something below failed; repeat the command.
    Fault(Fault),
}

impl From<Fault> for BindError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unavailable(code) if code == "UsernameExistsException" => Self::AddressTaken,
            Fault::Unavailable(code) if code == "InvalidParameterException" => {
                Self::AddressUnusable
            }
            fault => Self::Fault(fault),
        }
    }
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AddressTaken => f.write_str("the address has an account of somebody else"),
            Self::AddressUnusable => f.write_str("the address cannot be used"),
            Self::Fault(Fault::Corrupt("vault")) => {
                f.write_str("there is no vault of this patient")
            }
            Self::Fault(fault) => write!(f, "an AWS service failed ({fault}); try again"),
        }
    }
}

impl std::error::Error for BindError {}

/// Binds the vault of `patient` to a new account with `email`, which is mailed a code for
/// `account_confirm`; the account before ends, with its sessions and its second factor.
///
/// # Errors
/// See [`BindError`].
pub async fn bind_vault(
    store: &Store,
    accounts: &Accounts,
    patient: PatientId,
    (email, now): (&str, Timestamp),
) -> Result<(), BindError> {
    let vault = store.vault_of(patient).await?;
    let name = vault.profile.name.clone();
    let before = vault.profile.email.clone().filter(|before| before != email);
    open_account(accounts, patient, email, &name).await?;
    close_account(accounts, patient, before.as_deref()).await?;
    let profile = Profile { name, email: Some(email.to_owned()) };
    let entry = Draft {
        ledger: Ledger::Patient(patient),
        actor: Actor::System,
        action: Action::AccountRegister,
        outcome: Outcome::Done(Done::Bound),
        target: Target::default(),
    };
    let active = text(VaultStatus::Active.name());
    let change = store.follow_up().replace(vault.with(&profile)?, Attribute::Status, active);
    change.audit(&entry, now).commit().await?;
    Ok(())
}

/// Makes the account, in the place of one of the same patient or of one that was never confirmed.
async fn open_account(
    accounts: &Accounts,
    patient: PatientId,
    email: &str,
    name: &str,
) -> Result<(), BindError> {
    let code = code::new();
    match accounts.held(email).await? {
        None => {}
        Some(Held { person, waits: true, .. }) if person == Some(patient) => {
            return Ok(accounts.send_again(email, &code).await?);
        }
        Some(held) if held.person == Some(patient) || held.is_nobodys() => {
            accounts.delete(email).await?;
        }
        Some(_) => return Err(BindError::AddressTaken),
    }
    Ok(accounts.open((patient, Some(name)), email, &code).await?)
}

/// Ends the account that the vault was bound to before, if it is still this patient's.
async fn close_account(
    accounts: &Accounts,
    patient: PatientId,
    email: Option<&str>,
) -> Result<(), BindError> {
    let Some(email) = email else { return Ok(()) };
    match accounts.held(email).await? {
        Some(held) if held.person == Some(patient) => Ok(accounts.delete(email).await?),
        _ => Ok(()),
    }
}
