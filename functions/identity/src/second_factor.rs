//! Taking a second factor into use: the second half of `mfa_verify`, begun by the table's stream.
//! May be run twice or late without harm (I7); until it has come to its end the proof stands in the
//! table, and it is still to be done (I11).
//!
//! What it does is done in this order, on which I9 rests:
//!
//! 1. The account is marked `held`, and codes are asked for. A token made from now on is good for
//!    our API alone: it cannot switch the asking off again at Cognito.
//! 2. Every session ends, and with it what earlier tokens could do at Cognito. What is opened from
//!    now on was asked for a code; or, had an earlier token switched the asking off in between,
//!    nobody is left who can switch it on.
//! 3. The account is marked `on`. Only now does `cognito_pre_token` say that the second factor was
//!    passed, and only where codes are asked for.

use domain::AccountId;
use store::{Fault, Key, Store, rows::Proof, text};

use crate::cognito::{Accounts, Mark};

/// Takes the second factor of `account` into use, if the proof at `at` still stands.
///
/// # Errors
/// When something below failed: run it again.
pub async fn take_into_use(
    store: &Store,
    accounts: &Accounts,
    account: AccountId,
    at: &Key,
) -> Result<(), Fault> {
    let found = store.table.read(std::slice::from_ref(at)).await?;
    let [Some(item)] = found.as_slice() else { return Ok(()) };
    let Proof { proven_at } = item.clear()?;
    match switch_on(accounts, account).await {
        // The account is gone, and its second factor with it.
        Err(Fault::Unavailable(code)) if code == "UserNotFoundException" => {}
        other => other?,
    }
    store.follow_up().delete(at, "proven_at", text(proven_at)).commit().await
}

async fn switch_on(accounts: &Accounts, account: AccountId) -> Result<(), Fault> {
    // To the end of both: what is given up half-way may still be done later.
    let held = accounts.mark(account, Mark::Held);
    let both = tokio::join!(held, accounts.ask_for_codes(account));
    both.0.and(both.1)?;
    accounts.sign_out_everywhere(account).await?;
    accounts.mark(account, Mark::On).await
}
