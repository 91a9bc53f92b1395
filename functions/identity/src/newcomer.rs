//! Who Cognito speaks of, and the opening of a patient's vault.

use domain::{
    HospitalId, PatientId, Timestamp,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    caller::Role,
    names::Named,
    policy::Action,
};
use edge::kind::{Kind, line};
use serde_json::Value;
use store::{Fault, Owner, Store, rows::Profile};
use uuid::Uuid;

/// Who an account belongs to, by its attributes. Only we write them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Person {
    /// The owner of a vault.
    Patient(PatientId),
    /// Somebody a hospital brought in.
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
    /// Reads `userAttributes` of a trigger's event. Whoever has no role is nobody.
    pub(crate) fn of(attributes: &Value) -> Result<Self, Fault> {
        let text = |name: &str| attributes.get(name).and_then(Value::as_str);
        let role = text("custom:role").and_then(Role::from_name);
        let person = text("custom:person").and_then(|text| Uuid::try_parse(text).ok());
        let hospital = text("custom:hospital").and_then(HospitalId::parse);
        match (role, person, hospital) {
            (Some(Role::Patient), Some(person), None) => Ok(Self::Patient(PatientId(person))),
            (Some(role), Some(person), Some(hospital)) if role != Role::Patient => {
                Ok(Self::Staff { role, person, hospital })
            }
            _ => Err(Fault::Corrupt("user-attributes")),
        }
    }
}

/// What a patient is called, by the same attributes. A name that `account_confirm` would not take
/// was given to Cognito itself, and opens nothing.
pub(crate) fn profile(attributes: &Value) -> Result<Profile, Fault> {
    let given = attributes.get("name").unwrap_or(&Value::Null);
    let name = name().parse(given).ok().filter(|name| given == name);
    let name = name.ok_or(Fault::Corrupt("user-name"))?;
    let email = attributes.get("email").and_then(Value::as_str).map(str::to_owned);
    Ok(Profile { name, email })
}

/// The name of a person.
pub(crate) fn name() -> impl Kind<Value = String> {
    line(100)
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
        action: Action::AccountConfirm,
        outcome: Outcome::Done(Done::Opened),
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
    fn a_name_is_taken_as_it_is_or_not_at_all() {
        for name in ["Ana Lima", "\u{c9}lodie \u{5f20}\u{4f1f}", &"x".repeat(100)] {
            assert_eq!(profile(&json!({ "name": name })).unwrap().name, name);
        }
        let long = "x".repeat(101);
        for name in ["", " ", " Ana", "Ana\u{7}", &long] {
            assert!(profile(&json!({ "name": name })).is_err(), "{name:?}");
        }
        assert!(profile(&json!({})).is_err());
    }

    #[test]
    fn attributes_make_a_person_only_when_they_are_whole() {
        let id = Uuid::try_parse(ID).unwrap();
        let staff = |role| Some(Person::Staff { role, person: id, hospital: HospitalId(id) });
        let cases = [
            (
                json!({ "sub": "x", "custom:role": "patient", "custom:person": ID }),
                Some(Person::Patient(PatientId(id))),
            ),
            (json!({ "sub": ID, "email": "a@b.c" }), None),
            (json!({ "sub": ID, "custom:person": ID }), None),
            (json!({ "sub": ID, "custom:role": "patient" }), None),
            (json!({ "custom:role": "patient", "custom:person": ID, "custom:hospital": ID }), None),
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
