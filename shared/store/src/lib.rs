//! The table, the vault, the files and the archive. The only crate that knows DynamoDB, KMS and S3.

pub mod archive;
pub mod attribute;
pub mod change;
mod connect;
mod environment;
pub mod error;
pub mod keys;
pub mod list;
pub mod look;
pub mod objects;
mod permit;
mod rebuild;
pub mod records;
mod refusals;
pub mod register;
pub mod rows;
pub mod table;
mod texts;
pub mod trips;
pub mod vault;

pub use aws_config::SdkConfig;

pub use archive::Archive;
pub use attribute::Attribute;
pub use change::{Change, Update, number, text};
pub use connect::{Greeting, UNSIGNED};
pub use environment::{aws_config, enter_package};
pub use error::Fault;
pub use keys::{Key, Owner};
pub use look::{Found, Look};
pub use objects::Objects;
pub use permit::{Permit, active, in_use};
pub use table::{Item, Table};
pub use texts::Looked;
pub use trips::TripCounter;
pub use vault::{DataKey, KeyRing};

// Whoever listens to the libraries hears nothing, in any build (I6).
const _: () = assert!(matches!(log::STATIC_MAX_LEVEL, log::LevelFilter::Off));
const _: () = assert!(tracing::level_filters::STATIC_MAX_LEVEL.into_level().is_none());

/// A new UUIDv7 (RFC 9562): ids sort by the time they were made.
#[must_use]
pub fn new_id() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}

/// A variable of the function's environment.
///
/// # Errors
/// `Fault::Unavailable` naming it when it is not set: the template is wrong.
pub fn variable(name: &str) -> Result<String, Fault> {
    std::env::var(name).map_err(|_| Fault::Unavailable(format!("no-variable-{name}")))
}

/// The table and the key ring: what almost every operation needs.
#[derive(Debug)]
pub struct Store {
    /// The table.
    pub table: Table,
    /// The data keys.
    pub keys: KeyRing,
}

impl Store {
    /// The store named by the environment: `TABLE_NAME` and `KEY_ARN`.
    ///
    /// # Errors
    /// `Fault::Unavailable` when the environment names none.
    pub fn new(config: &SdkConfig) -> Result<Self, Fault> {
        Ok(Self::named(config, variable("TABLE_NAME")?, variable("KEY_ARN")?))
    }

    /// The store over the table `table` and the KMS key `key`.
    #[must_use]
    pub fn named(config: &SdkConfig, table: String, key: String) -> Self {
        let dynamo = aws_sdk_dynamodb::config::Builder::from(config).interceptor(TripCounter);
        let kms = aws_sdk_kms::config::Builder::from(config).interceptor(TripCounter);
        Self {
            table: Table::new(aws_sdk_dynamodb::Client::from_conf(dynamo.build()), table),
            keys: KeyRing::new(aws_sdk_kms::Client::from_conf(kms.build()), key),
        }
    }

    /// Connects to the store named by the environment.
    pub fn connect() -> Result<Self, Fault> {
        Self::new(&aws_config())
    }

    /// Opens the connections to the table and to KMS, as far as that can be done.
    pub async fn greet(&self) {
        tokio::join!(self.table.greet(), self.keys.greet());
    }
}

/// SHA-256 (FIPS 180-4) in lower-case hex.
#[must_use]
pub fn sha256_hex(parts: &[&[u8]]) -> String {
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    parts.iter().for_each(|part| digest.update(part));
    hex(digest.finish().as_ref())
}

/// A SHA-256 in the making, for content that comes in pieces.
#[derive(Clone)]
pub struct Sha256(aws_lc_rs::digest::Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256))
    }
}

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256")
    }
}

impl Sha256 {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest in lower-case hex.
    #[must_use]
    pub fn hex(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
