//! The Lambda of `doctor_reinstate`.
fn main() -> std::process::ExitCode {
    hospital::doctor_reinstate::operation().serve()
}
