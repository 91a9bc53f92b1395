//! Who judges passwords and codes, and the trail in which it stands what came of it.

use domain::{
    Timestamp,
    audit::{Actor, Draft, Outcome, Target},
    policy::{Action, Denial},
};
use edge::{Boxed, Service};
use store::{Fault, Store};

use crate::cognito::Pool;

/// The user pool and the table.
#[derive(Debug)]
pub struct Gate {
    pub(crate) pool: Pool,
    pub(crate) store: Store,
}

impl Service for Gate {
    fn connect() -> Boxed<'static, Result<Self, Fault>> {
        Box::pin(async {
            let config = store::aws_config();
            Ok(Self { pool: Pool::new(&config)?, store: Store::new(&config)? })
        })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }

    fn greet(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            tokio::join!(self.pool.greet(), self.store.table.greet());
        })
    }
}

impl Gate {
    /// Writes that somebody tried to sign in to the account of `username` in vain, into the trail of
    /// whom it concerns. An account that does not exist takes the same steps (I10).
    pub(crate) async fn refused(
        &self,
        username: &str,
        action: Action,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let entry = Draft {
            ledger: self.pool.accounts.ledger(username).await?,
            actor: Actor::Somebody,
            action,
            outcome: Outcome::Refused(Denial::WrongCredentials),
            target: Target::default(),
        };
        self.store.write_refusal(&entry, now).await
    }
}
