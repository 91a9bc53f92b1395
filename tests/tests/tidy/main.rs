//! The tidy checks: names, files, template, layers and charts agree. They read the checkout and
//! need no stack.

// A check that cannot read the checkout fails by panicking.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod charts;
mod checkout;
mod circles;
mod invariants;
mod layers;
mod openapi;
mod operations;
mod stacks;
mod template;
