//! The policy: who may do what, in one typed, pure place. `shared/domain/policy/*.cedar` says the
//! same in another language and a test holds the two together.

use crate::{
    Caller, GrantId, HospitalId, PatientId, Timestamp,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    consent::{Ability, Grant, Purpose},
    record::Class,
    staff::Standing,
};
pub use crate::{
    action::{Act, Action, Rule, acts},
    denial::{Denial, Disguise},
};

/// Why something is allowed, and what that rests on until it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// It is the caller's own account.
    Self_,
    /// It is the patient's own vault.
    Owner,
    /// A grant in force.
    Grant {
        /// Which.
        id: GrantId,
        /// What for.
        purpose: Purpose,
        /// When it ends.
        expires_at: Timestamp,
        /// Whether its disclosures are counted against a maximum.
        max_reads: Option<u32>,
    },
    /// Duty to the hospital, in good standing.
    Duty,
}

/// What the table says of a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultState {
    /// In use.
    Active,
    /// Being erased: nothing is read or written any more (I5).
    BeingErased,
}

/// What an action is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// The caller's own account or lists.
    Own,
    /// A patient's vault.
    Vault {
        /// Whose.
        patient: PatientId,
        /// What the table says of them; `None` when there is no such patient.
        state: Option<VaultState>,
    },
    /// A hospital.
    Hospital(HospitalId),
}

/// Which record an action is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// Any that the grant covers: a list.
    Any,
    /// This one, or one to be made of this class.
    One(Class),
    /// One that does not exist; of a request, one that the caller did not make.
    Missing,
}

/// Everything a decision rests on, read in one consistent read (I1).
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What it is aimed at.
    pub aim: Aim,
    /// The staff caller's standing; `None` when the hospital does not know them.
    pub standing: Option<Standing>,
    /// The live grant between the patient and the doctor who calls.
    pub grant: Option<&'a Grant>,
    /// The record.
    pub record: Record,
    /// The purpose the caller stated, if any.
    pub purpose: Option<Purpose>,
}

/// Decides. The one place where access is decided (I1, I4, I5, I9).
///
/// # Errors
/// The first reason to refuse, the caller's own standing before anything about the target, so
/// that a refusal for the caller's sake says nothing of the target (I10).
pub fn decide(
    action: Action,
    caller: &Caller,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Result<Ground, Denial> {
    match (action.rule(), caller) {
        (Rule::Public | Rule::Session, _) | (Rule::Own | Rule::OwnConsent, Caller::Patient(_)) => {
            own(caller, facts)
        }
        (Rule::System, _) => Err(Denial::WrongRole),
        (Rule::Own, Caller::Doctor { mfa, .. } | Caller::Admin { mfa, .. })
        | (Rule::OwnConsent, Caller::Doctor { mfa, .. }) => {
            in_good_standing(*mfa, facts.standing)?;
            own(caller, facts)
        }
        (Rule::Owner | Rule::Vault(_) | Rule::List(_), Caller::Patient(id)) => owner(*id, facts),
        (rule @ (Rule::Vault(ability) | Rule::List(ability)), Caller::Doctor { mfa, .. }) => {
            in_good_standing(*mfa, facts.standing)?;
            vault_in_use(facts)?;
            granted(rule, ability, facts, now)
        }
        (Rule::Ask, Caller::Doctor { mfa, .. }) => {
            in_good_standing(*mfa, facts.standing)?;
            vault_in_use(facts).map(|()| Ground::Duty)
        }
        (Rule::Asker, Caller::Doctor { mfa, .. }) => {
            in_good_standing(*mfa, facts.standing)?;
            vault_in_use(facts)?;
            match facts.record {
                Record::Missing => Err(Denial::NoSuchRequest),
                Record::Any | Record::One(_) => Ok(Ground::Duty),
            }
        }
        (Rule::Hospital, Caller::Admin { hospital, mfa, .. }) => {
            in_good_standing(*mfa, facts.standing)?;
            match facts.aim {
                Aim::Hospital(id) if id == *hospital => Ok(Ground::Duty),
                _ => Err(Denial::ForeignHospital),
            }
        }
        (_, Caller::Doctor { mfa, .. } | Caller::Admin { mfa, .. }) => {
            in_good_standing(*mfa, facts.standing)?;
            Err(Denial::WrongRole)
        }
        (_, Caller::Patient(_)) => Err(Denial::WrongRole),
    }
}

fn in_good_standing(mfa: bool, standing: Option<Standing>) -> Result<(), Denial> {
    if !mfa {
        return Err(Denial::NoMfa);
    }
    match standing {
        Some(Standing::Active) => Ok(()),
        Some(Standing::Invited | Standing::InviteFailed) => Err(Denial::NotVerified),
        Some(Standing::Suspended) => Err(Denial::Suspended),
        None => Err(Denial::NotStaff),
    }
}

fn vault_in_use(facts: &Facts<'_>) -> Result<(), Denial> {
    match facts.aim {
        Aim::Vault { state: Some(VaultState::Active), .. } => Ok(()),
        Aim::Vault { state: Some(VaultState::BeingErased), .. } => Err(Denial::BeingErased),
        _ => Err(Denial::NoSuchPatient),
    }
}

/// What is the caller's own. A patient's own is in their vault, where that was looked at, and goes
/// with it; nobody comes by this way to a vault that is not theirs.
fn own(caller: &Caller, facts: &Facts<'_>) -> Result<Ground, Denial> {
    match (facts.aim, caller) {
        (Aim::Own, _) => Ok(Ground::Self_),
        (Aim::Vault { .. }, Caller::Patient(id)) => owner(*id, facts).map(|_| Ground::Self_),
        _ => Err(Denial::NotOwner),
    }
}

fn owner(caller: PatientId, facts: &Facts<'_>) -> Result<Ground, Denial> {
    match facts.aim {
        Aim::Vault { patient, .. } if patient != caller => return Err(Denial::NotOwner),
        _ => vault_in_use(facts)?,
    }
    match facts.record {
        Record::Missing => Err(Denial::NoSuchRecord),
        Record::Any | Record::One(_) => Ok(Ground::Owner),
    }
}

fn granted(
    rule: Rule,
    ability: Ability,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Result<Ground, Denial> {
    let grant = facts.grant.ok_or(Denial::NoGrant)?;
    if now >= grant.expires_at {
        return Err(Denial::GrantExpired);
    }
    if now < grant.not_before {
        return Err(Denial::GrantNotBegun);
    }
    if !grant.terms.actions.contains(&ability) {
        return Err(Denial::ActionNotGranted);
    }
    if facts.purpose.is_some_and(|stated| stated != grant.terms.purpose) {
        return Err(Denial::OtherPurpose);
    }
    if ability == Ability::Read && grant.terms.max_reads.is_some_and(|most| grant.reads >= most) {
        return Err(Denial::ReadsUsedUp);
    }
    match facts.record {
        Record::One(class) => grant.terms.covers(class)?,
        // A list shows what the grant covers; anything else must say which record it means.
        Record::Any if rule == Rule::List(ability) => {}
        Record::Any | Record::Missing => return Err(Denial::NoSuchRecord),
    }
    Ok(Ground::Grant {
        id: grant.id,
        purpose: grant.terms.purpose,
        expires_at: grant.expires_at,
        max_reads: grant.terms.max_reads.filter(|_| ability == Ability::Read),
    })
}

/// Whether a grant covers a record, once listing under it is permitted: the filter of a list.
#[must_use]
pub fn covers(grant: &Grant, class: Class) -> bool {
    grant.terms.covers(class).is_ok()
}

/// That an action was permitted: whose, on what, why and when.
#[derive(Debug, Clone, Copy)]
pub struct Permission {
    /// Who was permitted.
    pub caller: Caller,
    /// What was permitted.
    pub action: Action,
    /// What the permission rests on.
    pub ground: Ground,
    /// What it is aimed at.
    pub aim: Aim,
    /// What its audit entry points at.
    pub target: Target,
    /// The moment of the decision.
    pub now: Timestamp,
}

impl Permission {
    /// The audit entry of doing it, with the outcome that the ground implies.
    #[must_use]
    pub fn entry(&self) -> Draft {
        let (done, grant, purpose) = match self.ground {
            Ground::Self_ | Ground::Owner => (Done::Owner, None, None),
            Ground::Grant { id, purpose, .. } => (Done::Granted, Some(id), Some(purpose)),
            Ground::Duty => (Done::Duty, None, None),
        };
        Draft {
            ledger: ledger(&self.caller, self.aim),
            actor: Actor::from(&self.caller),
            action: self.action,
            outcome: Outcome::Done(done),
            target: Target {
                grant: self.target.grant.or(grant),
                purpose: self.target.purpose.or(purpose),
                ..self.target
            },
        }
    }
}

/// A refusal with the audit entry it must leave before the caller hears of it (I2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub denial: Denial,
    /// The entry.
    pub entry: Draft,
}

/// Decides whether `caller` may do `action` on `target`.
///
/// # Errors
/// The refusal, with its audit entry.
pub fn permit(
    action: Action,
    caller: &Caller,
    facts: &Facts<'_>,
    target: Target,
    now: Timestamp,
) -> Result<Permission, Refused> {
    match decide(action, caller, facts, now) {
        Ok(ground) => {
            Ok(Permission { caller: *caller, action, ground, aim: facts.aim, target, now })
        }
        Err(denial) => {
            let grant = facts.grant.map(|grant| grant.id);
            let purpose = facts.purpose.or(facts.grant.map(|grant| grant.terms.purpose));
            let entry = Draft {
                ledger: ledger(caller, facts.aim),
                actor: Actor::from(caller),
                action,
                outcome: Outcome::Refused(denial),
                target: Target { grant, purpose, ..target },
            };
            Err(Refused { denial, entry })
        }
    }
}

/// The trail that must know: the patient's if there is such a patient, else that of the caller's
/// hospital. A patient who tries another's vault never finds it in their own trail: what shows
/// only when there is no such patient would tell them so (I10).
fn ledger(caller: &Caller, aim: Aim) -> Ledger {
    match (aim, caller) {
        (Aim::Vault { patient, state: Some(_) }, _)
        | (Aim::Vault { patient, .. }, Caller::Patient(_)) => Ledger::Patient(patient),
        (_, Caller::Patient(id)) => Ledger::Patient(*id),
        (_, Caller::Doctor { hospital, .. } | Caller::Admin { hospital, .. }) => {
            Ledger::Hospital(*hospital)
        }
    }
}
