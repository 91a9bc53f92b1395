//! The Lambda of `record_get`.
fn main() -> std::process::ExitCode {
    records::record_get::operation().serve()
}
