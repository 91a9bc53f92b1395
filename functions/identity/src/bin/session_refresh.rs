//! The Lambda of `session_refresh`.
fn main() -> std::process::ExitCode {
    identity::session_refresh::operation().serve()
}
