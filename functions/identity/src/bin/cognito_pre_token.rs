//! The Lambda of `cognito_pre_token`.
fn main() -> std::process::ExitCode {
    identity::cognito_pre_token::operation().serve()
}
