//! The Lambda of `profile_get`.
fn main() -> std::process::ExitCode {
    profile::profile_get::operation().serve()
}
