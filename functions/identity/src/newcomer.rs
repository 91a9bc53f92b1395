//! Who Cognito speaks of, and the opening of a patient's vault.

use domain::{
    HospitalId, PatientId, Timestamp,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    caller::Role,
    names::Named,
    policy::Action,
};
use serde_json::Value;
use store::{Fault, Owner, Store, rows::Profile};
use uuid::Uuid;

/// Who an account belongs to, by its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Person {
    /// Anybody who registered.
    Patient(PatientId),
    /// Somebody a hospital brought in; only we can write these attributes.
    Staff {
        /// Doctor or admin.
        role: Role,
        /// Our id of them.
        person: Uuid,
        /// Theirs.
        hospital: HospitalId,
    },
}

impl Person {
    /// Reads `userAttributes` of a trigger's event.
    pub(crate) fn of(attributes: &Value) -> Result<Self, Fault> {
        let broken = || Fault::Corrupt("user-attributes");
        let text = |name: &str| attributes.get(name).and_then(Value::as_str);
        let Some(role) = text("custom:role") else {
            let id = text("sub").and_then(PatientId::parse).ok_or_else(broken)?;
            return Ok(Self::Patient(id));
        };
        let role = Role::from_name(role).filter(|role| *role != Role::Patient);
        let person = text("custom:person").and_then(|text| Uuid::try_parse(text).ok());
        let hospital = text("custom:hospital").and_then(HospitalId::parse);
        match (role, person, hospital) {
            (Some(role), Some(person), Some(hospital)) => {
                Ok(Self::Staff { role, person, hospital })
            }
            _ => Err(broken()),
        }
    }
}

/// What a patient is called, by the same attributes. Whoever registers at Cognito itself writes
/// there what they like, and doctors get to see it.
pub(crate) fn profile(attributes: &Value) -> Profile {
    let text = |name: &str| attributes.get(name).and_then(Value::as_str);
    Profile {
        name: named(text("name").unwrap_or_default()),
        email: text("email").map(str::to_owned),
    }
}

/// The most characters of a name, as `account_register` takes them.
const LONGEST: usize = 100;

/// A name that can be shown: without control characters and such as turn text round or hide in
/// it, of at most 100 characters.
fn named(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control() && !hidden(*c)).collect();
    let clamped: String = shown.trim().chars().take(LONGEST).collect();
    match clamped.trim_end() {
        "" => "Unnamed".to_owned(),
        name => name.to_owned(),
    }
}

/// Marks of direction, and what has no width.
fn hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Opens a patient's vault, once however often it is called: the vault and its audit entry are
/// one transaction (I2, I7).
pub(crate) async fn open_vault(
    store: &Store,
    patient: PatientId,
    profile: &Profile,
    now: Timestamp,
) -> Result<(), Fault> {
    let (vault, _) = store.new_vault(Owner::Patient(patient), profile, now).await?;
    let entry = Draft {
        ledger: Ledger::Patient(patient),
        actor: Actor::Patient { id: patient },
        action: Action::CognitoPostConfirmation,
        outcome: Outcome::Done(Done::Owner),
        target: Target::default(),
    };
    match store.follow_up().create(vault).audit(&entry, now).commit().await {
        // It is there already.
        Err(Fault::Changed) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "0190a6f0-0000-7000-8000-000000000001";

    #[test]
    fn a_name_is_cleaned_and_clamped() {
        let long = "x".repeat(2000);
        let spaced = format!("{} {long}", "x".repeat(99));
        let cases = [
            ("Ana Lima", "Ana Lima".to_owned()),
            ("  Ana\u{7}\r\n Lima\u{0} ", "Ana Lima".to_owned()),
            ("\u{202e}amiL anA", "amiL anA".to_owned()),
            ("\u{c9}lodie \u{5f20}\u{4f1f}", "\u{c9}lodie \u{5f20}\u{4f1f}".to_owned()),
            (long.as_str(), "x".repeat(100)),
            (spaced.as_str(), "x".repeat(99)),
            ("\u{1b}\t ", "Unnamed".to_owned()),
            ("", "Unnamed".to_owned()),
        ];
        for (text, name) in cases {
            assert_eq!(profile(&json!({ "name": text })).name, name, "{text:?}");
        }
        assert_eq!(profile(&json!({})).name, "Unnamed");
    }

    #[test]
    fn attributes_make_a_person_only_when_they_are_whole() {
        let id = Uuid::try_parse(ID).unwrap();
        let staff = |role| Some(Person::Staff { role, person: id, hospital: HospitalId(id) });
        let cases = [
            (json!({ "sub": ID, "email": "a@b.c" }), Some(Person::Patient(PatientId(id)))),
            (json!({ "sub": "x" }), None),
            (json!({ "sub": ID, "custom:role": "patient" }), None),
            (json!({ "sub": ID, "custom:role": "root" }), None),
            (json!({ "sub": ID, "custom:role": "doctor" }), None),
            (json!({ "custom:role": "doctor", "custom:person": ID }), None),
            (
                json!({ "custom:role": "doctor", "custom:person": ID, "custom:hospital": ID }),
                staff(Role::Doctor),
            ),
            (
                json!({ "custom:role": "hospital-admin", "custom:person": ID, "custom:hospital": ID }),
                staff(Role::HospitalAdmin),
            ),
        ];
        for (attributes, expected) in cases {
            assert_eq!(Person::of(&attributes).ok(), expected, "{attributes}");
        }
    }
}
