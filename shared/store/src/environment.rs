//! The AWS configuration that Lambda gives a function, in its environment.

use std::{env, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider,
    retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::connect;

/// The AWS configuration of a function, with short time-outs: a request waits for a person.
///
/// Its region, its role's credentials and, on a local AWS, its endpoints are in the environment
/// (AWS Lambda Developer Guide, "Defined runtime environment variables"). What `aws_config` loads
/// would look for them in profiles, containers and instances too (docs/adr/0017).
#[must_use]
pub fn aws_config() -> SdkConfig {
    let credentials = EnvironmentVariableCredentialsProvider::new();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(10))
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(50));
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(env::var("AWS_REGION").ok().map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .service_config(Variables)
        .http_client(connect::client())
        .timeout_config(timeouts)
        .retry_config(retries);
    config.set_endpoint_url(env::var("AWS_ENDPOINT_URL").ok());
    config.build()
}

/// The settings of one service: `AWS_ENDPOINT_URL_DYNAMODB` before `AWS_ENDPOINT_URL` (AWS SDKs
/// and Tools Reference Guide, "Service-specific endpoints").
#[derive(Debug)]
struct Variables;

impl LoadServiceConfig for Variables {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        env::var(format!("{}_{service}", key.env())).or_else(|_| env::var(key.env())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is set for `service` under `variable`. The tests' variables are those that Cargo sets.
    fn setting(service: &str, variable: &str) -> Option<String> {
        let key = ServiceConfigKey::builder().service_id(service).env(variable).profile("");
        Variables.load_config(key.build().unwrap())
    }

    #[test]
    fn a_setting_of_one_service_goes_before_that_of_all() {
        assert_eq!(setting("Pkg Name", "CARGO").as_deref(), Some("store"));
        assert_eq!(setting("None Such", "CARGO_PKG_NAME").as_deref(), Some("store"));
        assert_eq!(setting("None Such", "CARGO_NONE"), None);
    }
}
