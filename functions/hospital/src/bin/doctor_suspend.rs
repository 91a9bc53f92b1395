//! The Lambda of `doctor_suspend`.
fn main() -> std::process::ExitCode {
    hospital::doctor_suspend::operation().serve()
}
