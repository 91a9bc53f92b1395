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
    use std::{fs, path::Path, process::Command};

    use super::*;

    /// The SDKs read their list of partitions once: each list needs a process of its own, in which
    /// this prints where S3 and KMS are.
    #[test]
    fn endpoints() {
        use aws_sdk_kms::config::endpoint as kms;
        use aws_sdk_s3::config::endpoint as s3;
        use kms::ResolveEndpoint as _;
        use s3::ResolveEndpoint as _;

        let region = env::var("AWS_REGION").unwrap_or("eu-central-1".into());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for fips in [false, true] {
            let at = kms::Params::builder().region(&region).use_fips(fips).build().unwrap();
            let resolver = kms::DefaultResolver::new();
            let found = runtime.block_on(resolver.resolve_endpoint(&at));
            println!("endpoint {found:?}");
            let at = s3::Params::builder().region(&region).use_fips(fips).bucket("files");
            let (at, resolver) = (at.build().unwrap(), s3::DefaultResolver::new());
            let found = runtime.block_on(resolver.resolve_endpoint(&at));
            println!("endpoint {found:?}");
        }
    }

    /// What `endpoints` prints in `region`, with the SDKs' own list of partitions or another.
    fn endpoints_in(region: &str, partitions: Option<&Path>) -> Vec<String> {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "environment::tests::endpoints", "--nocapture"]);
        command.env("AWS_REGION", region).env_remove("SMITHY_CLIENT_SDK_CUSTOM_PARTITION");
        if let Some(path) = partitions {
            command.env("SMITHY_CLIENT_SDK_CUSTOM_PARTITION", path);
        }
        let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
        printed.lines().filter(|line| line.starts_with("endpoint ")).map(str::to_owned).collect()
    }

    #[test]
    fn a_partition_beside_a_function_says_what_the_sdks_list_says() {
        let regions = [
            ("aws", ["eu-central-1", "us-east-1"]),
            ("aws-cn", ["cn-north-1", "cn-northwest-1"]),
            ("aws-eusc", ["eusc-de-east-1", "eusc-de-east-1"]),
            ("aws-us-gov", ["us-gov-east-1", "us-gov-west-1"]),
        ];
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("partitions");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), regions.len());
        for (partition, regions) in regions {
            let ours = folder.join(format!("{partition}.json"));
            for region in regions {
                let found = endpoints_in(region, Some(&ours));
                assert_eq!(found.len(), 4, "{region}: {found:?}");
                assert_eq!(found, endpoints_in(region, None), "{region}");
            }
        }
    }

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
