//! Cognito's trigger after a confirmation: opens the patient's vault. Safe to run twice (I7).
//!
//! Cognito calls it after a forgotten password was replaced too, which is none of its business
//! and must not fail because of it.

use edge::{Boxed, Event};
use serde_json::Value;
use store::Fault;

use crate::{
    cognito::Triggers,
    newcomer::{Person, open_vault, profile},
};

/// The operation.
#[must_use]
pub fn operation() -> Event<Triggers> {
    edge::event("cognito_post_confirmation", |service, event| -> Boxed<'_, _> {
        Box::pin(handle(service, event))
    })
}

/// Cognito wants the event back as it came.
async fn handle(service: &Triggers, event: Value) -> Result<Value, Fault> {
    if event.get("triggerSource").and_then(Value::as_str) != Some("PostConfirmation_ConfirmSignUp")
    {
        return Ok(event);
    }
    let attributes = event.pointer("/request/userAttributes").unwrap_or(&Value::Null);
    if let Person::Patient(patient) = Person::of(attributes)? {
        open_vault(&service.store, patient, &profile(attributes), edge::request::now()).await?;
    }
    Ok(event)
}
