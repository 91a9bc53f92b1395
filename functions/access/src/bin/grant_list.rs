//! The Lambda of `grant_list`.
fn main() -> std::process::ExitCode {
    access::grant_list::operation().serve()
}
