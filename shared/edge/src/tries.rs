//! Deciding anew: what a decision rested on changed before it was written.

use std::time::{Duration, Instant};

/// For how long something is decided anew.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often something was tried, and since when.
#[derive(Debug)]
pub struct Tries {
    since: Instant,
    /// How often, the first time included.
    pub count: u32,
}

impl Default for Tries {
    fn default() -> Self {
        Self { since: Instant::now(), count: 1 }
    }
}

impl Tries {
    /// Waits a moment, longer each time, and answers whether there is time for another try.
    pub async fn another(&mut self) -> bool {
        if self.since.elapsed() >= PATIENCE {
            return false;
        }
        tokio::time::sleep(store::table::jitter(self.count)).await;
        self.count += 1;
        true
    }

    /// When the first began.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }
}
