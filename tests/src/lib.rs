//! The API reference, made from the types that the operations read and answer with.

pub mod reference;
