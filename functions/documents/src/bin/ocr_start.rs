//! The Lambda of `ocr_start`.
fn main() -> std::process::ExitCode {
    documents::ocr_start::operation().serve()
}
