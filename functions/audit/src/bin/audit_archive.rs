//! The Lambda of `audit_archive`.
fn main() -> std::process::ExitCode {
    audit::audit_archive::operation().serve()
}
