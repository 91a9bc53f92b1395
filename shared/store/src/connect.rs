//! Connections to AWS: whom they trust, and opening them before a request waits for them.

use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::AuthSchemeId,
        http::{HttpClient, SharedHttpClient, http_client_fn},
        interceptors::{
            Intercept, context::BeforeTransmitInterceptorContextMut, dyn_dispatch_hint,
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};

/// The roots of Amazon Trust Services (<https://www.amazontrust.com/repository/>), to which every
/// AWS endpoint's certificate leads. Reading all the system's took longer than the rest of init.
const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");

/// The variable by which OpenSSL and others are told of other roots, as a local AWS has.
const OTHER_ROOTS: &str = "SSL_CERT_FILE";

/// The HTTP client of every AWS client: one pool, one reading of the roots, at the first call. By
/// itself the SDK's client would also read them for each AWS client, to see that it can.
pub(crate) fn client() -> SharedHttpClient {
    let client = https();
    http_client_fn(move |settings, components| client.http_connector(settings, components))
}

fn https() -> SharedHttpClient {
    let roots = match std::env::var_os(OTHER_ROOTS) {
        Some(_) => TrustStore::default(),
        None => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
    };
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    match TlsContext::builder().with_trust_store(roots).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        // Without a context of ours the system's roots are trusted.
        Err(_) => builder.build_https(),
    }
}

/// What a greeting prefers to be signed with: nothing.
pub const UNSIGNED: [AuthSchemeId; 1] = [AuthSchemeId::new("noAuth")];

/// Turns an [`UNSIGNED`] call into a greeting: to the same host, over the same connection, asking
/// for nothing and naming nobody. Whatever comes back, the connection is open.
#[derive(Debug, Clone, Copy)]
pub struct Greeting;

#[dyn_dispatch_hint]
impl Intercept for Greeting {
    fn name(&self) -> &'static str {
        "Greeting"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.set_method("GET")?;
        *request.body_mut() = SdkBody::empty();
        // The SDK calls a preference a hint: what names the caller goes in any case.
        for header in ["authorization", "x-amz-security-token", "x-amz-target", "content-length"] {
            request.headers_mut().remove(header);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        net::TcpListener,
        sync::mpsc::{self, Sender},
        thread,
        time::Duration,
    };

    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};

    use tokio::time::timeout;

    use super::*;
    use crate::Store;

    /// Answers every request, after telling its head.
    fn answer(listener: &TcpListener, tell: &Sender<String>) {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let lines: Vec<_> = lines.map(Result::unwrap).take_while(|l| !l.is_empty()).collect();
            tell.send(lines.join("\n").to_lowercase()).unwrap();
            let closed = "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(closed.as_bytes()).unwrap();
        }
    }

    #[test]
    fn a_greeting_opens_a_connection_and_names_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let credentials = Credentials::new("AKID", "secret", Some("token".into()), None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-central-1"))
            .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(client())
            .build();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || answer(&listener, &tell));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = Store::named(&config, "table".into(), "key".into());
        let greeted = async { timeout(Duration::from_secs(10), store.greet()).await };
        runtime.block_on(greeted).unwrap();
        let heads: Vec<_> = told.try_iter().collect();
        assert_eq!(heads.len(), 2, "{heads:?}");
        for head in heads {
            assert!(head.starts_with("get / http/1.1\n"), "{head}");
            for name in
                ["authorization", "x-amz-date", "akid", "token", "x-amz-target", "content-length"]
            {
                assert!(!head.contains(name), "{name} in {head}");
            }
        }
    }

    #[test]
    fn the_roots_are_certificates() {
        assert_eq!(AMAZON_ROOTS.matches("BEGIN CERTIFICATE").count(), 5);
        TlsContext::builder()
            .with_trust_store(TrustStore::empty().with_pem_certificate(AMAZON_ROOTS))
            .build()
            .unwrap();
    }
}
