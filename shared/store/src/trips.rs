//! Counts AWS round trips: how many, and how many of them one after the other.
//!
//! A Lambda environment handles one request at a time, so one counter per process is exact there.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef},
            dyn_dispatch_hint,
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

static TOTAL: AtomicU32 = AtomicU32::new(0);
static FINISHED_DEPTH: AtomicU32 = AtomicU32::new(0);
static COLD_KEYS: AtomicU32 = AtomicU32::new(0);

/// The round trips of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trips {
    /// All of them, retries included.
    pub total: u32,
    /// The longest chain in which each began after another had ended.
    pub sequential: u32,
    /// How many data keys had to be unwrapped because the function was not warm for their owner.
    pub cold_keys: u32,
}

/// Forgets what was counted: called when a request begins.
pub fn reset() {
    TOTAL.store(0, SeqCst);
    FINISHED_DEPTH.store(0, SeqCst);
    COLD_KEYS.store(0, SeqCst);
}

pub(crate) fn cold_key() {
    COLD_KEYS.fetch_add(1, SeqCst);
}

/// What was counted since [`reset`].
#[must_use]
pub fn counted() -> Trips {
    Trips {
        total: TOTAL.load(SeqCst),
        sequential: FINISHED_DEPTH.load(SeqCst),
        cold_keys: COLD_KEYS.load(SeqCst),
    }
}

/// The interceptor that counts; every client of ours carries it.
#[derive(Debug, Clone, Copy, Default)]
pub struct TripCounter;

/// How many trips had to end before this one could begin, itself included.
#[derive(Debug, Clone, Copy)]
struct Depth(u32);

impl Storable for Depth {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for TripCounter {
    fn name(&self) -> &'static str {
        "TripCounter"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        TOTAL.fetch_add(1, SeqCst);
        cfg.interceptor_state().store_put(Depth(FINISHED_DEPTH.load(SeqCst) + 1));
        Ok(())
    }

    fn read_after_attempt(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Depth(depth)) = cfg.load::<Depth>() {
            FINISHED_DEPTH.fetch_max(*depth, SeqCst);
        }
        Ok(())
    }
}
