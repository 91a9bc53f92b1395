//! Tests that change the stack as a whole or look at all that was done on it: one at a time, and after
//! those of `http`.

mod archive;
mod canary;
mod faults;
mod recovery;
mod torture;
mod trips;

use std::sync::{Mutex, MutexGuard, PoisonError};

use testkit::{Outcome, Stack};

/// The stack, for one test alone while it holds the guard.
fn alone() -> Outcome<(MutexGuard<'static, ()>, &'static Stack)> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((guard, Stack::get()?))
}
