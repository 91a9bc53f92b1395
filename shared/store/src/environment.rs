//! The AWS configuration that Lambda gives a function, in its environment.

use std::{env, path::Path, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider,
    retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::{connect, error::Fault};

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

/// The variable that names the SDKs' list of partitions (smithy-rs, pull request 3610).
const PARTITION: &str = "SMITHY_CLIENT_SDK_CUSTOM_PARTITION";

/// Makes a function's package the current folder, where its file of partitions lies, and sees that
/// it is there, or the SDKs would panic.
///
/// # Errors
/// `Fault::Unavailable` when the package, or the file that the environment names, is not there.
pub fn enter_package() -> Result<(), Fault> {
    if let Some(package) = env::var_os("LAMBDA_TASK_ROOT") {
        env::set_current_dir(package).map_err(|_| Fault::Unavailable("no-package".into()))?;
    }
    match env::var_os(PARTITION) {
        Some(file) if !Path::new(&file).is_file() => {
            Err(Fault::Unavailable("no-partition-file".into()))
        }
        _ => Ok(()),
    }
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
    use std::{fs, process::Command};

    use super::*;

    /// Set for a process of its own, as the SDKs read their list of partitions once: it prints
    /// where S3 and KMS are, and ends.
    const ASKED: &str = "ENDPOINTS_IN";
    const THIS: &str =
        "environment::tests::a_partition_beside_a_function_says_what_the_sdks_list_says";

    fn print_endpoints(region: &str) {
        use aws_sdk_kms::config::endpoint as kms;
        use aws_sdk_s3::config::endpoint as s3;
        use kms::ResolveEndpoint as _;
        use s3::ResolveEndpoint as _;

        println!("\nanswer {:?}", enter_package());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (fips, dual) in [(false, false), (true, false), (false, true), (true, true)] {
            let at = kms::Params::builder().region(region).use_fips(fips).use_dual_stack(dual);
            let (at, resolver) = (at.build().unwrap(), kms::DefaultResolver::new());
            println!("answer {:?}", runtime.block_on(resolver.resolve_endpoint(&at)));
            let at = s3::Params::builder().region(region).use_fips(fips).use_dual_stack(dual);
            let (at, resolver) = (at.bucket("files").build().unwrap(), s3::DefaultResolver::new());
            println!("answer {:?}", runtime.block_on(resolver.resolve_endpoint(&at)));
        }
    }

    /// The endpoints in `region`, by the SDKs' own list of partitions or by a file of the package.
    fn endpoints_in(region: &str, file: Option<&str>) -> Vec<String> {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", THIS, "--nocapture"]).env(ASKED, region);
        command.current_dir(env::temp_dir());
        command.env("LAMBDA_TASK_ROOT", env!("CARGO_MANIFEST_DIR")).env_remove(PARTITION);
        if let Some(file) = file {
            command.env(PARTITION, file);
        }
        let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
        printed.lines().filter(|line| line.starts_with("answer ")).map(str::to_owned).collect()
    }

    #[test]
    fn a_partition_beside_a_function_says_what_the_sdks_list_says() {
        if let Ok(region) = env::var(ASKED) {
            return print_endpoints(&region);
        }
        let regions: [(&str, &[&str]); 4] = [
            ("aws", &["eu-central-1", "us-east-1"]),
            ("aws-cn", &["cn-north-1", "cn-northwest-1"]),
            ("aws-eusc", &["eusc-de-east-1"]),
            ("aws-us-gov", &["us-gov-east-1", "us-gov-west-1"]),
        ];
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("partitions");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), regions.len());
        for (partition, regions) in regions {
            for region in regions {
                let ours = endpoints_in(region, Some(&format!("partitions/{partition}.json")));
                assert_eq!(ours.len(), 9, "{region}: {ours:?}");
                assert_eq!(ours, endpoints_in(region, None), "{region}");
            }
        }
        // The file decides, or this would be in Frankfurt: the SDKs do read it.
        let china = endpoints_in("eu-central-1", Some("partitions/aws-cn.json"));
        assert!(china[1].contains("kms.eu-central-1.amazonaws.com.cn"), "{china:?}");
        let missing = endpoints_in("eu-central-1", Some("partitions/none.json"));
        assert_eq!(missing, [r#"answer Err(Unavailable("no-partition-file"))"#]);
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
