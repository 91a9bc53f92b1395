//! Cognito's trigger before a token (V2_0): puts into the access token who the caller is (I9), and
//! nothing that is personal. Tokens say who; what they may do is read from the table.
//!
//! Staff get `mfa` "true" only where a sign-in cannot have gone round the second factor: their
//! account is marked `on`, which only `second_factor` writes and only after it ended every session
//! from before; codes are asked for now; and the session was opened by a whole sign-in or
//! refreshed. A session opened by replacing a temporary password has not passed it.
//!
//! Every access token of the apps has our own scope, the only one the API takes, and has lost
//! Cognito's: with it, a stolen token could take a second factor or the account away. The tokens
//! that functions sign in for have Cognito's alone, and never leave them (docs/adr/0022).
//!
//! Patients get their vault here, at the first sign-in that has not got it (I11). When any of it
//! fails, so does the sign-in.

use domain::{
    DoctorId, PatientId, StaffId,
    audit::{Actor, Done, Draft, Ledger, Outcome, Target},
    caller::Role,
    names::Named,
    policy::Action,
};
use edge::{Boxed, Event};
use serde_json::{Value, json};
use store::{Fault, Owner, keys};

use crate::{
    cognito::{MARK, Mark, Triggers},
    newcomer::{Person, open_vault, profile},
};

/// The operation.
#[must_use]
pub fn operation() -> Event<Triggers> {
    edge::event("cognito_pre_token", |service, event| -> Boxed<'_, _> {
        Box::pin(handle(service, event))
    })
}

async fn handle(service: &Triggers, mut event: Value) -> Result<Value, Fault> {
    if event.pointer("/callerContext/clientId").and_then(Value::as_str) == Some(&service.functions)
    {
        return Ok(event);
    }
    let attributes = event.pointer("/request/userAttributes").unwrap_or(&Value::Null);
    let source = text(&event, "triggerSource")?;
    let person = Person::of(attributes)?;
    let mark = mark(attributes);
    let now = edge::request::now();
    if person.signs_in(source) {
        service.store.write_entry(&person.signed_in(), now).await?;
    }
    let mfa = match person {
        Person::Patient(patient) => {
            if source != REFRESH {
                ensure_vault(service, patient, attributes).await?;
            }
            false
        }
        Person::Staff { .. } if passes_mfa(source) && mark == Some(Mark::On) => {
            let (pool, user) = (text(&event, "userPoolId")?, text(&event, "userName")?);
            service.has_mfa(pool, user).await?
        }
        Person::Staff { .. } => false,
    };
    let token = token(&claims(&person, mfa));
    let response = event.as_object_mut().ok_or(Fault::Corrupt("event"))?;
    response.insert(
        "response".into(),
        json!({ "claimsAndScopeOverrideDetails": {
            "accessTokenGeneration": token,
        } }),
    );
    Ok(event)
}

/// What the API's authorizer asks of an access token (template.yaml).
const OURS: &str = "medivault/api";

/// What Cognito asks of a token with which an account is changed.
const COGNITOS: &str = "aws.cognito.signin.user.admin";

fn token(claims: &Value) -> Value {
    json!({
        "claimsToAddOrOverride": claims,
        "scopesToAdd": [OURS],
        "scopesToSuppress": [COGNITOS],
    })
}

fn mark(attributes: &Value) -> Option<Mark> {
    attributes.get(MARK).and_then(Value::as_str).and_then(Mark::from_name)
}

impl Person {
    /// Whether a token with this source is the end of a sign-in. A patient replaces a code when they
    /// open their vault, staff at their first sign-in.
    fn signs_in(&self, source: &str) -> bool {
        match source {
            AUTHENTICATION => true,
            "TokenGeneration_NewPasswordChallenge" => matches!(self, Self::Staff { .. }),
            _ => false,
        }
    }

    /// The entry of a sign-in.
    fn signed_in(&self) -> Draft {
        let (ledger, actor, done) = match *self {
            Self::Patient(id) => (Ledger::Patient(id), Actor::Patient { id }, Done::Owner),
            Self::Staff { role, person, hospital } => {
                let actor = match role {
                    Role::HospitalAdmin => Actor::HospitalAdmin { id: StaffId(person), hospital },
                    _ => Actor::Doctor { id: DoctorId(person), hospital },
                };
                (Ledger::Hospital(hospital), actor, Done::Duty)
            }
        };
        let (action, target) = (Action::SessionCreate, Target::default());
        Draft { ledger, actor, action, outcome: Outcome::Done(done), target }
    }
}

const AUTHENTICATION: &str = "TokenGeneration_Authentication";
const REFRESH: &str = "TokenGeneration_RefreshTokens";

/// Whether a session with this source has passed the second factor, if there is one.
fn passes_mfa(source: &str) -> bool {
    matches!(source, AUTHENTICATION | REFRESH)
}

fn text<'e>(event: &'e Value, name: &str) -> Result<&'e str, Fault> {
    event.get(name).and_then(Value::as_str).ok_or(Fault::Corrupt("event"))
}

/// What the access token says beyond `sub`.
fn claims(person: &Person, mfa: bool) -> Value {
    match person {
        Person::Patient(person) => json!({ "role": Role::Patient, "person": person }),
        Person::Staff { role, person, hospital } => json!({
            "role": role.name(),
            "person": person,
            "hospital": hospital,
            "mfa": if mfa { "true" } else { "false" },
        }),
    }
}

async fn ensure_vault(
    service: &Triggers,
    patient: PatientId,
    attributes: &Value,
) -> Result<(), Fault> {
    let vault = keys::vault(Owner::Patient(patient));
    let found = service.store.table.read(std::slice::from_ref(&vault)).await?;
    match found.as_slice() {
        [Some(_)] => Ok(()),
        _ => open_vault(&service.store, patient, &profile(attributes)?, edge::request::now()).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::HospitalId;
    use uuid::Uuid;

    #[test]
    fn claims_say_who_and_nothing_personal() {
        let id = Uuid::try_parse("0190a6f0-0000-7000-8000-000000000001").unwrap();
        let patient = json!({ "role": "patient", "person": id });
        assert_eq!(claims(&Person::Patient(PatientId(id)), true), patient);
        let doctor = Person::Staff { role: Role::Doctor, person: id, hospital: HospitalId(id) };
        for (mfa, said) in [(true, "true"), (false, "false")] {
            assert_eq!(
                claims(&doctor, mfa),
                json!({ "role": "doctor", "person": id, "hospital": id, "mfa": said })
            );
        }
    }

    #[test]
    fn i9_the_apps_tokens_are_good_for_our_api_alone() {
        let token = token(&json!({}));
        assert_eq!(token["scopesToAdd"], json!(["medivault/api"]));
        assert_eq!(token["scopesToSuppress"], json!(["aws.cognito.signin.user.admin"]));
    }

    #[test]
    fn i9_only_whole_sign_ins_and_their_refreshes_pass_the_second_factor() {
        let sources = [
            ("TokenGeneration_Authentication", true),
            ("TokenGeneration_RefreshTokens", true),
            ("TokenGeneration_NewPasswordChallenge", false),
            ("TokenGeneration_AuthenticateDevice", false),
            ("TokenGeneration_HostedAuth", false),
            ("anything", false),
        ];
        for (source, passes) in sources {
            assert_eq!(passes_mfa(source), passes, "{source}");
        }
    }
}
