//! The Lambda of `upload_sweep`.
fn main() -> std::process::ExitCode {
    documents::upload_sweep::operation().serve()
}
