//! The Lambda of `access_request_withdraw`.
fn main() -> std::process::ExitCode {
    access::access_request_withdraw::operation().serve()
}
