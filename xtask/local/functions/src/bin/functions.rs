//! Every Lambda of the local stack in one binary. It is linked once; packages for AWS hold one
//! operation each.

use std::{env, process::ExitCode};

/// Serves the operation that the function is named after: `record_get` of `medivault-record_get`.
fn main() -> ExitCode {
    let name = env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    let operation = name.rsplit('-').next().unwrap_or_default();
    let mut all = functions::services().into_iter().flat_map(|(_, operations)| operations);
    if let Some(function) = all.find(|function| function.name == operation) {
        return function.serve();
    }
    eprintln!("no operation has the name of the function: {name}");
    ExitCode::FAILURE
}
