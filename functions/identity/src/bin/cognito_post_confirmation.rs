//! The Lambda of `cognito_post_confirmation`.
fn main() -> std::process::ExitCode {
    identity::cognito_post_confirmation::operation().serve()
}
