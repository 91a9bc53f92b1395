//! The Lambda of `upload_create`.
fn main() -> std::process::ExitCode {
    documents::upload_create::operation().serve()
}
