//! The Lambda of `mfa_verify`.
fn main() -> std::process::ExitCode {
    identity::mfa_verify::operation().serve()
}
