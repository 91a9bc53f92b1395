//! The Lambda of `session_revoke`.
fn main() -> std::process::ExitCode {
    identity::session_revoke::operation().serve()
}
