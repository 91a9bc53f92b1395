//! The Lambda of `record_text`.
fn main() -> std::process::ExitCode {
    records::record_text::operation().serve()
}
