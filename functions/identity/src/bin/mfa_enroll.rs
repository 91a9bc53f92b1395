//! The Lambda of `mfa_enroll`.
fn main() -> std::process::ExitCode {
    identity::mfa_enroll::operation().serve()
}
