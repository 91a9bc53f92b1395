//! `POST /v1/me/mfa`: begins to enrol an authenticator app (TOTP, RFC 6238): its secret, also as
//! an `otpauth:` address to show as a QR code. Nothing changes before `mfa_verify`; asking again
//! gives another secret. Open to staff who have no second factor yet (I9).
//!
//! Asks for the password again: no token in a client's hands changes anything at Cognito. What may
//! is made here by the password, and never leaves (docs/adr/0022).
//!
//! A second factor in use is not replaced here (409): a stolen session would be enough for it. Who
//! lost theirs asks the operator, who resets it with Cognito's administration: the attribute
//! `custom:mfa` emptied, and codes no longer asked for.
//!
//! Takes an `Idempotency-Key` but keeps none: nothing of ours changes, and a kept secret would be
//! a hole.

use domain::policy::acts::MfaEnroll;
use edge::{Failure, Http, Input, Promise, Read, Reader, Reply, Request};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    cognito::Pool,
    password::given,
    refusal::{Asked, MFA_ENROLLED, WRONG_PASSWORD, refused},
    session::own,
};

/// The operation.
#[must_use]
pub fn operation() -> Http<Pool, impl Promise> {
    edge::http("mfa_enroll", "POST /v1/me/mfa", |pool, request, input| {
        Box::pin(handle(pool, request, input))
    })
    .problems(&[MFA_ENROLLED, WRONG_PASSWORD])
}

struct Enrolment {
    password: String,
}

impl Input for Enrolment {
    fn read(read: &Reader<'_>) -> Read<Self> {
        Ok(Self { password: read.field("/password", given())? })
    }
}

/// An authenticator app to be set up.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MfaEnrolment")]
struct Output {
    /// In Base32 (RFC 4648), to be typed in.
    secret: String,
    /// The same as an address, to be shown as a QR code.
    otpauth_uri: String,
}

async fn handle(
    pool: &Pool,
    request: &Request,
    input: Enrolment,
) -> Result<Reply<Output>, Failure> {
    own::<MfaEnroll>(request)?;
    let account = request.account()?;
    let known = pool.accounts.enrolment(account);
    let (known, token) = tokio::join!(known, pool.own_token(account, &input.password));
    let known = known.map_err(|fault| refused(Asked::Enroll, fault))?;
    known.open()?;
    let token = token.map_err(|fault| refused(Asked::Password, fault))?.ok_or(MFA_ENROLLED)?;
    let secret = pool.new_secret(&token).await;
    let secret = secret.map_err(|fault| refused(Asked::Enroll, fault))?;
    let otpauth_uri = otpauth(&known.email, &secret);
    Reply::new(&Output { secret, otpauth_uri })
}

/// The address that authenticator apps read (Key Uri Format).
fn otpauth(email: &str, secret: &str) -> String {
    let mut label = String::new();
    for byte in email.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                label.push(char::from(byte));
            }
            other => label.push_str(&format!("%{other:02X}")),
        }
    }
    format!("otpauth://totp/MediVault:{label}?secret={secret}&issuer=MediVault")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_address_escapes_what_it_must() {
        assert_eq!(
            super::otpauth("ana+x@example.org", "JBSWY3DP"),
            "otpauth://totp/MediVault:ana%2Bx%40example.org?secret=JBSWY3DP&issuer=MediVault"
        );
    }
}
