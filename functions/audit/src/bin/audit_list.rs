//! The Lambda of `audit_list`.
fn main() -> std::process::ExitCode {
    audit::audit_list::operation().serve()
}
