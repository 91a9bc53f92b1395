//! The Lambda of `grant_revoke`.
fn main() -> std::process::ExitCode {
    access::grant_revoke::operation().serve()
}
