//! The Lambda of `table_stream`.
fn main() -> std::process::ExitCode {
    stream::table_stream::operation().serve()
}
