//! Taking a second factor into use: the second half of `mfa_verify`, begun by the table's stream.
//! May be run twice or late without harm (I7); until the proof is marked as taken it is still to be
//! done (I11).
//!
//! What it does is done in this order, on which I9 rests:
//!
//! 1. The account is marked `held`. A token made from now on is good for our API alone: it cannot
//!    switch the asking for codes off at Cognito.
//! 2. Codes are asked for.
//! 3. Every session ends, and with it what earlier tokens could do at Cognito. What is opened from
//!    now on was asked for a code; or, had an earlier token switched the asking off in between,
//!    nobody is left who can switch it on.
//! 4. The account is marked `on`. Only now does `cognito_pre_token` say that the second factor was
//!    passed, and only where codes are asked for.
//!
//! An account that is marked `on` is left alone: there, codes that were switched off must not be
//! switched on again while a session lives that was opened without one.

use domain::{AccountId, Timestamp};
use store::{Attribute, Fault, Key, Store, Update, rows::Proof, text};

use crate::cognito::{Accounts, Mark};

/// What Cognito answers when codes cannot be asked of an account, however often it is tried: its
/// app was taken away or replaced, or the account itself was locked.
const HOPELESS: [&str; 4] = [
    "InvalidParameterException",
    "NotAuthorizedException",
    "PasswordResetRequiredException",
    "UserNotConfirmedException",
];

/// The account was deleted, and its second factor with it.
const GONE: [&str; 1] = ["UserNotFoundException"];

/// Takes the second factor of `account` into use, if the proof at `at` still stands. Answers what
/// will always keep it from that, if something does: then it is as if it had not begun.
///
/// # Errors
/// When something below failed: run it again.
pub async fn take_into_use(
    store: &Store,
    accounts: &Accounts,
    account: AccountId,
    (at, now): (&Key, Timestamp),
) -> Result<Option<Fault>, Fault> {
    let found = store.table.read(std::slice::from_ref(at)).await?;
    let [Some(item)] = found.as_slice() else { return Ok(None) };
    if !item.clear::<Proof>()?.stands(now) {
        return Ok(None);
    }
    let hindered = match enrol(accounts, account).await {
        Err(fault) if means(&fault, &GONE) => Some(fault),
        other => other?,
    };
    let taken = Update::at(at.clone()).set(Attribute::TakenAt, text(now));
    store.follow_up().update(taken).commit().await?;
    Ok(hindered)
}

async fn enrol(accounts: &Accounts, account: AccountId) -> Result<Option<Fault>, Fault> {
    if accounts.enrolment(account).await?.mark == Some(Mark::On) {
        return Ok(None);
    }
    accounts.mark(account, Some(Mark::Held)).await?;
    match accounts.ask_for_codes(account).await {
        Err(fault) if means(&fault, &HOPELESS) => {
            accounts.mark(account, None).await?;
            return Ok(Some(fault));
        }
        other => other?,
    }
    accounts.sign_out_everywhere(account).await?;
    accounts.mark(account, Some(Mark::On)).await?;
    Ok(None)
}

fn means(fault: &Fault, codes: &[&str]) -> bool {
    matches!(fault, Fault::Unavailable(code) if codes.contains(&code.as_str()))
}
