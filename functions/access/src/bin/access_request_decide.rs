//! The Lambda of `access_request_decide`.
fn main() -> std::process::ExitCode {
    access::access_request_decide::operation().serve()
}
