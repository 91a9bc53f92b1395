//! The Lambda of `doctor_list`.
fn main() -> std::process::ExitCode {
    hospital::doctor_list::operation().serve()
}
