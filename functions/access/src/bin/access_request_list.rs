//! The Lambda of `access_request_list`.
fn main() -> std::process::ExitCode {
    access::access_request_list::operation().serve()
}
