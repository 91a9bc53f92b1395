//! The Lambda of `grant_sweep`.
fn main() -> std::process::ExitCode {
    access::grant_sweep::operation().serve()
}
