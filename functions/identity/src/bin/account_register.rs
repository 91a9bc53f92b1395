//! The Lambda of `account_register`.
fn main() -> std::process::ExitCode {
    identity::account_register::operation().serve()
}
