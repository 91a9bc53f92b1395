//! Tests over HTTP that do not disturb each other, by capability.

mod access;
mod accounts;
mod conflicts;
mod documents;
mod gateway;
mod generated;
mod hospital;
mod isolation;
mod prose;
mod records;
mod requests;
mod second_factor;
mod sessions;
mod smoke;
mod story;
mod trail;
mod typescript;
