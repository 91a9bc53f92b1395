//! The Lambda of `record_download`.
fn main() -> std::process::ExitCode {
    records::record_download::operation().serve()
}
