//! Identity: accounts, sessions and second factors. Cognito keeps them; here is what our apps may
//! ask of it, and what Cognito asks of us when it confirms an account or issues a token.
//!
//! What changes in Cognito alone leaves its trail there: the opening of a vault and the proof of a
//! second factor are ours to record.

mod cognito;
mod newcomer;
mod password;
mod refusal;
mod session;

pub mod account_confirm;
pub mod account_register;
pub mod cognito_post_confirmation;
pub mod cognito_pre_token;
pub mod mfa_enroll;
pub mod mfa_verify;
pub mod second_factor;
pub mod session_answer;
pub mod session_create;
pub mod session_refresh;
pub mod session_revoke;

pub use cognito::Accounts;

use domain::{
    audit::Target,
    policy::{Act, Aim, Facts, Record, permit},
};
use edge::{Failure, Request};

/// What the service promises to its callers over HTTP.
#[must_use]
pub fn contracts() -> Vec<edge::Contract> {
    vec![
        account_confirm::operation().contract(),
        account_register::operation().contract(),
        mfa_enroll::operation().contract(),
        mfa_verify::operation().contract(),
        session_answer::operation().contract(),
        session_create::operation().contract(),
        session_refresh::operation().contract(),
        session_revoke::operation().contract(),
    ]
}

/// Permits an operation on the caller's own session, which rests on nothing in the table.
fn own<A: Act>(request: &Request) -> Result<(), Failure> {
    let caller = request.caller()?;
    let facts =
        Facts { aim: Aim::Own, standing: None, grant: None, record: Record::Any, purpose: None };
    permit(A::ACTION, &caller, &facts, Target::default(), request.now)?;
    Ok(())
}
