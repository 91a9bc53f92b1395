//! The Lambda of `record_list`.
fn main() -> std::process::ExitCode {
    records::record_list::operation().serve()
}
