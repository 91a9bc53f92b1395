//! What tests and the demo are made of: a client of the running stack, the story's cast, the
//! story itself. Speaks to the API as an app would, and to AWS as the operator.

// Reading a JSON value by index never panics: what is not there reads as null.
#![allow(clippy::indexing_slicing)]

use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

pub mod cast;
pub mod documents;
pub mod filling;
pub mod http;
pub mod operator;
pub mod proxy;
pub mod reference;
pub mod stack;
pub mod story;

pub use cast::{Doctor, Hospital, Patient, Ward};
pub use filling::Filling;
pub use http::{Answer, Call};
pub use proxy::{Fault, Proxy};
pub use stack::Stack;

/// Something was not as expected; the message says what.
#[derive(Debug, Clone)]
pub struct Surprise(pub String);

impl std::fmt::Display for Surprise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Surprise {
    fn from(error: E) -> Self {
        Self(format!("{error}: {error:?}"))
    }
}

/// The outcome of a step. Whatever is not as expected, or is refused, is an error that ends a test;
/// so no function here lists its errors.
pub type Outcome<T = ()> = Result<T, Surprise>;

/// The exit code of a program: a surprise is told, and fails.
#[must_use]
pub fn ended(outcome: Outcome<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|surprise| {
        eprintln!("\nNot as expected: {surprise}");
        ExitCode::FAILURE
    })
}

/// A surprise unless `holds`.
pub fn ensure(holds: bool, what: impl Into<String>) -> Outcome {
    if holds { Ok(()) } else { Err(Surprise(what.into())) }
}

/// Does `one` for each of `over`, each in a thread of its own; answers in their order.
pub fn in_parallel<I: IntoIterator<Item: Send>, T: Send>(
    over: I,
    one: impl Fn(I::Item) -> Outcome<T> + Sync,
) -> Outcome<Vec<T>> {
    let one = &one;
    let panicked = |_| Surprise("a thread panicked".into());
    thread::scope(|scope| {
        let threads: Vec<_> = over.into_iter().map(|item| scope.spawn(move || one(item))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(panicked)?).collect()
    })
}

/// Asks again and again until `ask` has an answer, at longer and longer intervals, for at most 90
/// seconds.
pub fn poll<T>(what: &str, mut ask: impl FnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    let (begun, mut pause) = (Instant::now(), Duration::from_millis(50));
    while begun.elapsed().as_secs() < 90 {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_secs(1));
    }
    Err(Surprise(format!("waited in vain for: {what}")))
}
