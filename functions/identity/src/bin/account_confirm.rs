//! The Lambda of `account_confirm`.
fn main() -> std::process::ExitCode {
    identity::account_confirm::operation().serve()
}
