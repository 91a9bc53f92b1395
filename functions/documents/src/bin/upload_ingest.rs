//! The Lambda of `upload_ingest`.
fn main() -> std::process::ExitCode {
    documents::upload_ingest::operation().serve()
}
