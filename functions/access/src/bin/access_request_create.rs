//! The Lambda of `access_request_create`.
fn main() -> std::process::ExitCode {
    access::access_request_create::operation().serve()
}
