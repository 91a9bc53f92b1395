//! The archive of the trail: a bucket whose objects nobody can change or take away before their
//! time. That is the bucket's own setting, Object Lock (template.yaml), so nothing here asks for it.

use aws_config::SdkConfig;
use aws_sdk_s3::{Client, types::ChecksumAlgorithm};

use crate::{error::Fault, objects};

/// The bucket of the archive.
#[derive(Debug, Clone)]
pub struct Archive {
    client: Client,
    bucket: String,
}

impl Archive {
    /// The archive named by the environment: `ARCHIVE_NAME`.
    ///
    /// # Errors
    /// `Fault::Unavailable` when the environment names none.
    pub fn new(config: &SdkConfig) -> Result<Self, Fault> {
        Ok(Self { client: objects::client(config), bucket: crate::variable("ARCHIVE_NAME")? })
    }

    /// Keeps `content` under `name`, which has to tell one content from any other: what is there
    /// already stays as it is, and is taken for the same (I7).
    pub async fn keep(&self, name: &str, content: String) -> Result<(), Fault> {
        let call = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(name)
            .content_type("application/x-ndjson")
            .if_none_match("*")
            // Into a bucket with Object Lock S3 takes nothing that comes without a checksum.
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .body(content.into_bytes().into());
        let kept = Box::pin(call.send()).await.map_err(|error| Fault::of(&error));
        match kept {
            Err(Fault::Unavailable(code)) if code == "PreconditionFailed" => Ok(()),
            kept => kept.map(|_| ()),
        }
    }
}
