//! The vault: one data key per owner, wrapped by KMS, and everything sealed with it (I6).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};
use aws_sdk_kms::{Config, config::retry::RetryConfig, primitives::Blob, types::DataKeySpec};

use crate::{
    connect::{Greeting, UNSIGNED},
    error::Fault,
    keys::{Key, Owner},
};

/// How long a warm function keeps an unwrapped data key.
const KEPT: Duration = Duration::from_secs(5 * 60);
/// How many unwrapped data keys a warm function keeps.
const KEPT_AT_MOST: usize = 256;

/// An owner's data key, unwrapped. Never leaves the process.
pub struct DataKey(LessSafeKey);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey")
    }
}

impl DataKey {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, Fault> {
        let broken = |_| Fault::Corrupt("data-key");
        Ok(Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).map_err(broken)?)))
    }

    /// Seals `plain` (AES-256-GCM, NIST SP 800-38D, random 96-bit nonce in front), bound to the
    /// item and attribute it will be stored at, so that it opens nowhere else.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn seal(&self, at: &Key, attribute: &str, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| Fault::Unavailable("randomness".into()))?;
        let mut body = plain.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(binding(at, attribute)),
                &mut body,
            )
            .map_err(|_| Fault::Corrupt("seal"))?;
        Ok([&nonce[..], &body].concat())
    }

    /// Opens what [`DataKey::seal`] sealed for the same place.
    ///
    /// # Errors
    /// `Fault::Corrupt` when it was changed, moved, or sealed with another key.
    pub fn open(&self, at: &Key, attribute: &str, sealed: &[u8]) -> Result<Vec<u8>, Fault> {
        let broken = || Fault::Corrupt("sealed");
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut body = body.to_vec();
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(binding(at, attribute)), &mut body)
            .map_err(|_| broken())?;
        Ok(plain.to_vec())
    }
}

fn binding(at: &Key, attribute: &str) -> Vec<u8> {
    format!("{}\n{}\n{attribute}", at.pk, at.sk).into_bytes()
}

/// A new data key: the wrapped form to store, the unwrapped one to use now.
#[derive(Debug)]
pub struct NewKey {
    /// What is stored. Destroying it destroys everything sealed with it.
    pub wrapped: Vec<u8>,
    /// What seals.
    pub key: Arc<DataKey>,
}

type Kept = HashMap<(Owner, Vec<u8>), (Instant, Arc<DataKey>)>;

/// Makes and unwraps data keys through KMS, with the owner as encryption context.
#[derive(Debug)]
pub struct KeyRing {
    kms: aws_sdk_kms::Client,
    key_id: String,
    kept: Mutex<Kept>,
}

impl KeyRing {
    /// A ring over the KMS key `key_id`.
    #[must_use]
    pub fn new(kms: aws_sdk_kms::Client, key_id: String) -> Self {
        Self { kms, key_id, kept: Mutex::default() }
    }

    /// Opens the connection, if it can be: the first call tries again.
    pub(crate) async fn greet(&self) {
        let unsigned = Config::builder().allow_no_auth().auth_scheme_preference(UNSIGNED);
        let once = unsigned.retry_config(RetryConfig::disabled());
        let call = self.kms.decrypt().customize().interceptor(Greeting).config_override(once);
        let _ = Box::pin(call.send()).await;
    }

    /// Makes a data key for `owner`.
    pub async fn make(&self, owner: Owner) -> Result<NewKey, Fault> {
        let call = self.kms.generate_data_key().key_id(&self.key_id).key_spec(DataKeySpec::Aes256);
        let made = Box::pin(call.encryption_context("owner", owner.partition()).send())
            .await
            .map_err(|error| Fault::of(&error))?;
        let (Some(plain), Some(wrapped)) = (made.plaintext, made.ciphertext_blob) else {
            return Err(Fault::Corrupt("kms-answer"));
        };
        let key = Arc::new(DataKey::new(plain.as_ref())?);
        let wrapped = wrapped.into_inner();
        self.keep(owner, &wrapped, &key);
        Ok(NewKey { wrapped, key })
    }

    /// Unwraps the data key of `owner`; from memory when it was unwrapped minutes ago.
    ///
    /// # Errors
    /// `Fault::Unavailable` when KMS refuses, as it does when the key was wrapped for another owner.
    pub async fn unwrap(&self, owner: Owner, wrapped: &[u8]) -> Result<Arc<DataKey>, Fault> {
        if let Some(key) = self.remembered(owner, wrapped) {
            return Ok(key);
        }
        crate::trips::cold_key();
        let call = self.kms.decrypt().key_id(&self.key_id).ciphertext_blob(Blob::new(wrapped));
        let opened = Box::pin(call.encryption_context("owner", owner.partition()).send())
            .await
            .map_err(|error| Fault::of(&error))?;
        let plain = opened.plaintext.ok_or(Fault::Corrupt("kms-answer"))?;
        let key = Arc::new(DataKey::new(plain.as_ref())?);
        self.keep(owner, wrapped, &key);
        Ok(key)
    }

    fn remembered(&self, owner: Owner, wrapped: &[u8]) -> Option<Arc<DataKey>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, key) = kept.get(&(owner, wrapped.to_vec()))?;
        (since.elapsed() < KEPT).then(|| Arc::clone(key))
    }

    fn keep(&self, owner: Owner, wrapped: &[u8], key: &Arc<DataKey>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (since, _)| since.elapsed() < KEPT);
        if kept.len() < KEPT_AT_MOST {
            kept.insert((owner, wrapped.to_vec()), (Instant::now(), Arc::clone(key)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> DataKey {
        DataKey::new(&[byte; 32]).unwrap()
    }

    fn place(pk: &str, sk: &str) -> Key {
        Key { pk: pk.into(), sk: sk.into() }
    }

    #[test]
    fn i6_sealed_content_opens_only_with_its_key_and_in_its_place() {
        let at = place("PATIENT#1", "RECORD#1");
        let sealed = key(1).seal(&at, "sealed", b"blood group A").unwrap();
        assert_eq!(key(1).open(&at, "sealed", &sealed).unwrap(), b"blood group A");
        let refused = Err(Fault::Corrupt("sealed"));
        assert_eq!(key(2).open(&at, "sealed", &sealed), refused);
        assert_eq!(key(1).open(&at, "other", &sealed), refused);
        assert_eq!(key(1).open(&place("PATIENT#2", "RECORD#1"), "sealed", &sealed), refused);
        assert_eq!(key(1).open(&place("PATIENT#1", "RECORD#2"), "sealed", &sealed), refused);
        for n in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[n] ^= 1;
            assert_eq!(key(1).open(&at, "sealed", &changed), refused, "byte {n}");
            assert_eq!(key(1).open(&at, "sealed", &sealed[..n]), refused, "cut at {n}");
        }
    }

    #[test]
    fn i6_the_same_content_never_seals_to_the_same_bytes() {
        let at = place("PATIENT#1", "RECORD#1");
        let twice = [(); 2].map(|()| key(1).seal(&at, "sealed", b"same").unwrap());
        assert_ne!(twice[0], twice[1]);
        assert!(!twice[0].windows(4).any(|bytes| bytes == b"same"));
    }
}
