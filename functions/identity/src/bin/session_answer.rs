//! The Lambda of `session_answer`.
fn main() -> std::process::ExitCode {
    identity::session_answer::operation().serve()
}
