//! The API reference, made from the types that the operations read and answer with, and the torture
//! of a running stack.

pub mod reference;
pub mod torture;
