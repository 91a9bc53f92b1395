//! The Lambda of `ocr_collect`.
fn main() -> std::process::ExitCode {
    documents::ocr_collect::operation().serve()
}
