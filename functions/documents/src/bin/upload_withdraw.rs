//! The Lambda of `upload_withdraw`.
fn main() -> std::process::ExitCode {
    documents::upload_withdraw::operation().serve()
}
