//! The Lambda of `table_stream`.
fn main() -> std::process::ExitCode {
    access::table_stream::operation().serve()
}
