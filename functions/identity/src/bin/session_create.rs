//! The Lambda of `session_create`.
fn main() -> std::process::ExitCode {
    identity::session_create::operation().serve()
}
