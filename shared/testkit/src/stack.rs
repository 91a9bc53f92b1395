//! The running stack.

use std::{collections::BTreeMap, path::Path, sync::OnceLock};

use serde::Deserialize;

use crate::{Outcome, Surprise, http::Call};

/// A deployed stack, as `cargo xtask` describes it in `stack.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stack {
    /// Where the API answers.
    pub api_url: String,
    /// Where the local AWS answers.
    pub endpoint: String,
    /// Where the local Textract answers.
    pub textract_url: String,
    /// The region.
    pub region: String,
    /// The operator's key.
    pub operator: OperatorKey,
    /// The outputs of template.yaml.
    pub outputs: BTreeMap<String, String>,
}

/// An access key.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorKey {
    /// Its id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
}

impl Stack {
    /// Reads `stack.json`.
    pub fn read(path: &Path) -> Outcome<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// The stack that the tests run against: `cargo xtask test` names it in `MEDIVAULT_STACK`.
    pub fn get() -> Outcome<&'static Self> {
        static STACK: OnceLock<Outcome<Stack>> = OnceLock::new();
        let read = || {
            let path = std::env::var("MEDIVAULT_STACK").map_err(|_| {
                Surprise("no stack to test against: run the tests by `cargo xtask test`".into())
            })?;
            Self::read(Path::new(&path))
        };
        STACK.get_or_init(read).as_ref().map_err(Clone::clone)
    }

    /// An output of template.yaml.
    pub fn output(&self, name: &str) -> Outcome<&str> {
        let value = self.outputs.get(name).map(String::as_str);
        value.ok_or_else(|| Surprise(format!("the stack has no output {name}")))
    }

    /// A request to the API.
    #[must_use]
    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(method, format!("{}{path}", self.api_url))
    }

    /// `GET path`.
    #[must_use]
    pub fn get_path(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    /// `POST path`, with a new `Idempotency-Key`.
    #[must_use]
    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path).header("Idempotency-Key", &uuid::Uuid::now_v7().to_string())
    }

    /// `DELETE path`.
    #[must_use]
    pub fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }
}
