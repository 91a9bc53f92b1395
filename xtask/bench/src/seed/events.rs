//! Events: the sample event of each operation, made to speak of rows that are there.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use domain::Caller;
use serde_json::{Value, json};

/// What a request says beyond its sample.
#[derive(Clone, Default)]
pub(crate) struct Said {
    pub(crate) caller: Option<Caller>,
    pub(crate) path: Vec<(&'static str, String)>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

/// The samples, and where the events go.
pub(crate) struct Events {
    samples: PathBuf,
    out: PathBuf,
}

impl Events {
    /// Takes samples from `samples`, a folder of services, and writes to the folder `out`.
    pub(crate) fn new(samples: &Path, out: &Path) -> Result<Self> {
        fs::create_dir_all(out)?;
        Ok(Self { samples: samples.to_owned(), out: out.to_owned() })
    }

    /// The sample event of an operation.
    pub(crate) fn sample(&self, operation: &str) -> Result<Value> {
        for service in fs::read_dir(&self.samples)? {
            let file = service?.path().join(format!("{operation}.json"));
            if file.exists() {
                return Ok(serde_json::from_str(&fs::read_to_string(file)?)?);
            }
        }
        anyhow::bail!("{operation} has no sample event")
    }

    /// Writes the events of an operation, one a line, under `name`.
    pub(crate) fn write(&self, name: &str, events: &[Value]) -> Result<()> {
        let file = File::create(self.out.join(format!("{name}.jsonl")))?;
        let mut file = BufWriter::new(file);
        for event in events {
            writeln!(file, "{event}")?;
        }
        Ok(file.flush()?)
    }

    /// A request to an operation.
    pub(crate) fn request(&self, operation: &str, said: Said) -> Result<Value> {
        let mut event = self.sample(operation)?;
        let mut path = event["resource"].as_str().context("no resource")?.to_owned();
        for (name, value) in &said.path {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        event["path"] = path.into();
        event["pathParameters"] = object(said.path.iter().map(|(n, v)| (*n, v.as_str().into())));
        let query = said.query.iter();
        event["queryStringParameters"] = object(query.clone().map(|(n, v)| (*n, json!(v))));
        event["multiValueQueryStringParameters"] = object(query.map(|(n, v)| (*n, json!([v]))));
        if let Some(caller) = said.caller {
            event["requestContext"]["authorizer"] = json!({ "claims": claims(&caller) });
        }
        let once = uuid::Uuid::now_v7().to_string();
        event["headers"]["Idempotency-Key"] = json!(once);
        event["multiValueHeaders"]["Idempotency-Key"] = json!([once]);
        if let Some(body) = said.body {
            event["body"] = body.to_string().into();
        }
        Ok(event)
    }

    /// A message to an operation behind a queue.
    pub(crate) fn message(&self, operation: &str, body: &Value) -> Result<Value> {
        let mut event = self.sample(operation)?;
        event["Records"][0]["body"] = body.to_string().into();
        Ok(event)
    }
}

fn object<'a>(pairs: impl Iterator<Item = (&'a str, Value)>) -> Value {
    Value::Object(pairs.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// What the authorizer says of a caller.
fn claims(caller: &Caller) -> Value {
    let mut claims = json!({
        "sub": caller.id(),
        "username": caller.id(),
        "role": caller.role(),
        "token_use": "access",
        "scope": "medivault/api",
        "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example01",
        "exp": "1767615300",
        "iat": "1767614400",
    });
    claims["person"] = json!(caller.id());
    if let Some(hospital) = caller.hospital() {
        claims["hospital"] = json!(hospital);
        claims["mfa"] = json!("true");
    }
    claims
}
