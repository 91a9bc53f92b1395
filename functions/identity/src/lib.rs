//! Identity: accounts, sessions and second factors. Cognito keeps them; here is what our apps may
//! ask of it, and what Cognito asks of us when it issues a token.
//!
//! What changes in Cognito alone leaves its trail there: the opening of a vault and the proof of a
//! second factor are ours to record.

mod code;
mod cognito;
mod gate;
mod newcomer;
mod password;
mod refusal;
mod session;

pub mod account_confirm;
pub mod account_register;
pub mod binding;
pub mod cognito_pre_token;
pub mod mfa_enroll;
pub mod mfa_verify;
pub mod second_factor;
pub mod session_answer;
pub mod session_create;
pub mod session_refresh;
pub mod session_revoke;

pub use cognito::Accounts;

/// The operations of the service.
#[must_use]
pub fn functions() -> Vec<edge::Function> {
    vec![
        account_confirm::operation().function(),
        account_register::operation().function(),
        cognito_pre_token::operation().function(),
        mfa_enroll::operation().function(),
        mfa_verify::operation().function(),
        session_answer::operation().function(),
        session_create::operation().function(),
        session_refresh::operation().function(),
        session_revoke::operation().function(),
    ]
}
