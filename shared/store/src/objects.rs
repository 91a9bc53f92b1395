//! Files: the quarantine they arrive in, the place they are kept, and the links that lead there.
//! Object names hold ids only (I6).

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client,
    config::{Credentials, ProvideCredentials},
    operation::list_object_versions::ListObjectVersionsOutput,
    presigning::PresigningConfig,
    primitives::ByteStream,
    types::{ObjectVersion, ServerSideEncryption},
};
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{PatientId, RecordId, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{error::Fault, trips::TripCounter};

/// How long an upload form is valid: 5 minutes, in seconds.
pub const UPLOAD_SECONDS: i64 = 5 * 60;
/// How long a download link is valid: 60 seconds (I5).
pub const DOWNLOAD_SECONDS: u64 = 60;

/// A file's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whose.
    pub patient: PatientId,
    /// Of which record.
    pub record: RecordId,
}

impl Place {
    /// The object it arrives as.
    #[must_use]
    pub fn quarantine(&self) -> String {
        format!("quarantine/{}/{}", self.patient, self.record)
    }

    /// The object it is kept as.
    #[must_use]
    pub fn kept(&self) -> String {
        format!("records/{}/{}", self.patient, self.record)
    }

    /// The place an object name stands for, in quarantine or kept.
    #[must_use]
    pub fn parse(object: &str) -> Option<Self> {
        let (_, ids) = object.split_once('/')?;
        let (patient, record) = ids.split_once('/')?;
        let place = Self { patient: PatientId::parse(patient)?, record: RecordId::parse(record)? };
        [place.quarantine(), place.kept()].iter().any(|name| name == object).then_some(place)
    }
}

/// What an upload form admits: exactly this file.
#[derive(Debug, Clone, Copy)]
pub struct Admission<'a> {
    /// Where it goes.
    pub place: Place,
    /// Its media type.
    pub media_type: &'a str,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: &'a [u8],
}

/// A presigned POST (the S3 API's "POST Object"): send `fields` and then the file as
/// `multipart/form-data` to `url`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Where to.
    pub url: String,
    /// The fields, to be sent as they are and before the file.
    pub fields: Vec<(String, String)>,
}

/// A file that arrived, being read.
#[derive(Debug)]
pub struct Arrived {
    /// The content type it was stored under.
    pub content_type: Option<String>,
    /// Which of the object's versions this is.
    pub version: Option<String>,
    /// Its content.
    pub body: ByteStream,
}

/// The bucket of files.
#[derive(Debug, Clone)]
pub struct Objects {
    client: Client,
    config: SdkConfig,
    bucket: String,
    key_id: String,
}

impl Objects {
    /// The bucket named by the environment: `BUCKET_NAME`, and `FILE_KEY_ARN`, which encrypts it.
    ///
    /// # Errors
    /// `Fault::Unavailable` when the environment names none.
    pub fn new(config: &SdkConfig) -> Result<Self, Fault> {
        Ok(Self {
            client: client(config),
            config: config.clone(),
            bucket: crate::variable("BUCKET_NAME")?,
            key_id: crate::variable("FILE_KEY_ARN")?,
        })
    }

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// An upload form bound to one key, content type, size, checksum and encryption key. Makes no
    /// call. Source: Amazon S3 API Reference, "Creating a POST policy" (Signature Version 4).
    ///
    /// # Errors
    /// `Fault::Unavailable` without credentials.
    pub async fn upload_form(&self, file: &Admission<'_>, now: Timestamp) -> Result<Form, Fault> {
        let credentials = self.credentials().await?;
        let region = self.config.region().map_or("us-east-1", |region| region.as_ref());
        let day = now.strftime("%Y%m%d").to_string();
        let mut fields = vec![
            ("key", file.place.quarantine()),
            ("Content-Type", file.media_type.to_owned()),
            ("x-amz-checksum-sha256", STANDARD.encode(file.sha256)),
            ("x-amz-server-side-encryption", "aws:kms".to_owned()),
            ("x-amz-server-side-encryption-aws-kms-key-id", self.key_id.clone()),
            ("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned()),
            (
                "x-amz-credential",
                format!("{}/{day}/{region}/s3/aws4_request", credentials.access_key_id()),
            ),
            ("x-amz-date", now.strftime("%Y%m%dT%H%M%SZ").to_string()),
        ];
        if let Some(token) = credentials.session_token() {
            fields.push(("x-amz-security-token", token.to_owned()));
        }
        let policy = self.policy(&fields, file.size, now)?;
        let at = SystemTime::from(now);
        let secret = credentials.secret_access_key();
        let signing = generate_signing_key(secret, at, region, "s3");
        fields.push(("x-amz-signature", calculate_signature(signing, policy.as_bytes())));
        fields.push(("policy", policy));
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Form { url: self.url(region), fields })
    }

    async fn credentials(&self) -> Result<Credentials, Fault> {
        let none = || Fault::Unavailable("no-credentials".into());
        let provider = self.config.credentials_provider().ok_or_else(none)?;
        provider.provide_credentials().await.map_err(|_| none())
    }

    fn policy(
        &self,
        fields: &[(&str, String)],
        size: u64,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let broken = |_| Fault::Corrupt("policy");
        let expiration = now.checked_add(SignedDuration::from_secs(UPLOAD_SECONDS));
        let expiration = expiration.map_err(|_| Fault::Corrupt("clock"))?;
        let mut conditions =
            vec![json!({ "bucket": self.bucket }), json!(["content-length-range", size, size])];
        conditions
            .extend(fields.iter().map(|(name, value)| json!(["eq", format!("${name}"), value])));
        let expiration = expiration.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
        let policy = json!({ "expiration": expiration, "conditions": conditions });
        Ok(STANDARD.encode(serde_json::to_vec(&policy).map_err(broken)?))
    }

    fn url(&self, region: &str) -> String {
        match self.config.endpoint_url() {
            Some(endpoint) => format!("{}/{}", endpoint.trim_end_matches('/'), self.bucket),
            None => format!("https://{}.s3.{region}.amazonaws.com/", self.bucket),
        }
    }

    /// A link to a kept file, valid for [`DOWNLOAD_SECONDS`]: to be saved under `name` and kept by no
    /// cache. Makes no call.
    ///
    /// # Errors
    /// `Fault::Unavailable` without credentials.
    pub async fn download_link(
        &self,
        place: Place,
        content_type: &str,
        name: &str,
    ) -> Result<String, Fault> {
        let valid = PresigningConfig::expires_in(Duration::from_secs(DOWNLOAD_SECONDS))
            .map_err(|_| Fault::Corrupt("presigning"))?;
        let call = self.client.get_object().bucket(&self.bucket).key(place.kept());
        let call = call
            .response_content_type(content_type)
            .response_content_disposition(format!("attachment; filename=\"{name}\""))
            .response_cache_control("no-store");
        let signed = Box::pin(call.presigned(valid)).await.map_err(|error| Fault::of(&error))?;
        Ok(signed.uri().to_owned())
    }

    /// Opens an object; `None` when there is none.
    pub async fn open(&self, object: &str) -> Result<Option<Arrived>, Fault> {
        let call = self.client.get_object().bucket(&self.bucket).key(object);
        match Box::pin(call.send()).await {
            Ok(found) => Ok(Some(Arrived {
                content_type: found.content_type,
                version: found.version_id,
                body: found.body,
            })),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => Ok(None),
            // To a caller that may not list the whole bucket, S3 refuses what does not exist.
            Err(error) if error.as_service_error().is_some() && !self.exists(object).await? => {
                Ok(None)
            }
            Err(error) => Err(Fault::of(&error)),
        }
    }

    /// Whether there is such an object now.
    pub async fn exists(&self, object: &str) -> Result<bool, Fault> {
        let listed = self.versions(object).await?;
        let latest = |v: &ObjectVersion| v.key() == Some(object) && v.is_latest() == Some(true);
        Ok(listed.versions().iter().any(latest))
    }

    async fn versions(&self, object: &str) -> Result<ListObjectVersionsOutput, Fault> {
        let call = self.client.list_object_versions().bucket(&self.bucket).prefix(object);
        Box::pin(call.send()).await.map_err(|error| Fault::of(&error))
    }

    /// Copies one version of a file from quarantine to the place where it is kept: the version
    /// that was checked, whatever has arrived since.
    pub async fn keep(&self, place: Place, version: Option<&str>) -> Result<(), Fault> {
        let version = version.map(|id| format!("?versionId={id}")).unwrap_or_default();
        let call = self
            .client
            .copy_object()
            .copy_source(format!("{}/{}{version}", self.bucket, place.quarantine()))
            .bucket(&self.bucket)
            .key(place.kept())
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .ssekms_key_id(&self.key_id);
        Box::pin(call.send()).await.map(|_| ()).map_err(|error| Fault::of(&error))
    }

    /// Deletes every version of an object, so that nothing of it is left in the bucket.
    pub async fn delete(&self, object: &str) -> Result<(), Fault> {
        loop {
            let listed = self.versions(object).await?;
            let versions = listed.versions().iter().map(|v| (v.key(), v.version_id()));
            let markers = listed.delete_markers().iter().map(|m| (m.key(), m.version_id()));
            for (_, version) in versions.chain(markers).filter(|(key, _)| *key == Some(object)) {
                let call = self.client.delete_object().bucket(&self.bucket).key(object);
                let call = call.set_version_id(version.map(str::to_owned));
                Box::pin(call.send()).await.map_err(|error| Fault::of(&error))?;
            }
            if listed.is_truncated() != Some(true) {
                return Ok(());
            }
        }
    }
}

/// A client of S3 that counts its trips.
pub(crate) fn client(config: &SdkConfig) -> Client {
    let config = aws_sdk_s3::config::Builder::from(config)
        .force_path_style(config.endpoint_url().is_some())
        .interceptor(TripCounter);
    Client::from_conf(config.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_name_stands_for_one_place_and_any_other_name_for_none() {
        let ids = ["0190a6f0-0000-7000-8000-000000000001", "0190a6f0-0000-7000-8000-000000000002"];
        let place = Place::parse(&format!("quarantine/{}/{}", ids[0], ids[1])).unwrap();
        assert_eq!(Place::parse(&place.kept()), Some(place));
        for bad in [
            "",
            "quarantine",
            "quarantine/x/y",
            "other/a/b",
            &format!("quarantine/{}/{}/more", ids[0], ids[1]),
            &format!("quarantine/{}/{}", ids[0].to_uppercase(), ids[1]),
        ] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }
}
