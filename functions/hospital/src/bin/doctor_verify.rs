//! The Lambda of `doctor_verify`.
fn main() -> std::process::ExitCode {
    hospital::doctor_verify::operation().serve()
}
