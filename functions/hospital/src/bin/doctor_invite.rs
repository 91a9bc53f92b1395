//! The Lambda of `doctor_invite`.
fn main() -> std::process::ExitCode {
    hospital::doctor_invite::operation().serve()
}
