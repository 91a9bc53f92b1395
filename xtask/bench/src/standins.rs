//! What stands in for KMS, Cognito, S3, SQS and Textract: answers of the real shape and size, given
//! at once and whatever was asked. Only KMS works: what it wrapped, it unwraps again.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::http::Message;

const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/0190a6f0-0000-7000-8000-00000000000a";
/// The length of what KMS gives for a wrapped 256-bit key.
const WRAPPED: usize = 184;

/// What can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Kms,
    Cognito,
    S3,
    Sqs,
    Textract,
}

/// The recorded answers that are files: `file.jpg`, `detect.json` and `document.json`.
pub(crate) struct Answers {
    file: Vec<u8>,
    detect: Vec<u8>,
    document: Vec<u8>,
}

impl Answers {
    /// Reads them from a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            fs::read(folder.join(name)).with_context(|| format!("reading the answer {name}"))
        };
        Ok(Self {
            file: read("file.jpg")?,
            detect: read("detect.json")?,
            document: read("document.json")?,
        })
    }

    /// The answer to a request.
    pub(crate) fn to(&self, service: Service, request: &Message) -> Message {
        let action = request.header("x-amz-target").unwrap_or_default();
        let action = action.rsplit('.').next().unwrap_or_default();
        match service {
            Service::Kms => document(&kms(action, &request.body)),
            Service::Cognito => document(&cognito(action)),
            Service::Sqs => document(&json!({ "MessageId": ID, "MD5OfMessageBody": MD5 })),
            Service::S3 => self.s3(request),
            Service::Textract | Service::DynamoDb => self.textract(action),
        }
    }

    fn s3(&self, request: &Message) -> Message {
        let target = request.target();
        let object = target.split('?').next().unwrap_or_default();
        let object = object.splitn(3, '/').nth(2).unwrap_or_default();
        let xml = |text: String| {
            Message::answer(200, &[("content-type", "application/xml")], text.into_bytes())
        };
        match request.method() {
            "DELETE" => Message::answer(204, &[], Vec::new()),
            "PUT" => xml(format!("<CopyObjectResult><ETag>\"{MD5}\"</ETag></CopyObjectResult>")),
            "GET" if target.contains("versions") => xml(versions(target)),
            "GET" if !object.is_empty() => {
                let headers = [("content-type", "image/jpeg"), ("x-amz-version-id", "v1")];
                Message::answer(200, &headers, self.file.clone())
            }
            _ => Message::answer(400, &[], Vec::new()),
        }
    }

    fn textract(&self, action: &str) -> Message {
        match action {
            "DetectDocumentText" => json_bytes(self.detect.clone()),
            "GetDocumentTextDetection" => json_bytes(self.document.clone()),
            _ => document(&json!({ "JobId": MD5 })),
        }
    }
}

const ID: &str = "0190a6f0-0000-7000-8000-000000000001";
const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

fn document(body: &Value) -> Message {
    json_bytes(body.to_string().into_bytes())
}

fn json_bytes(body: Vec<u8>) -> Message {
    Message::answer(200, &[("content-type", "application/x-amz-json-1.1")], body)
}

/// One version of the one object that was asked for.
fn versions(target: &str) -> String {
    let prefix = target.split(['?', '&']).find_map(|pair| pair.strip_prefix("prefix="));
    let key = prefix.unwrap_or_default().replace("%2F", "/");
    format!(
        "<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>{key}</Key>\
         <VersionId>v1</VersionId><IsLatest>true</IsLatest><Size>1</Size></Version>\
         </ListVersionsResult>"
    )
}

fn kms(action: &str, body: &[u8]) -> Value {
    if action == "GenerateDataKey" {
        let key = [*uuid::Uuid::now_v7().as_bytes(), *uuid::Uuid::now_v7().as_bytes()].concat();
        let mut wrapped = key.clone();
        wrapped.resize(WRAPPED, 0);
        return json!({
            "KeyId": KEY,
            "Plaintext": STANDARD.encode(key),
            "CiphertextBlob": STANDARD.encode(wrapped),
        });
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let wrapped = request["CiphertextBlob"].as_str().unwrap_or_default();
    let key: Vec<u8> = STANDARD.decode(wrapped).unwrap_or_default().into_iter().take(32).collect();
    json!({
        "KeyId": KEY,
        "Plaintext": STANDARD.encode(key),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    })
}

fn cognito(action: &str) -> Value {
    match action {
        "InitiateAuth" | "AdminInitiateAuth" | "RespondToAuthChallenge" => {
            json!({ "AuthenticationResult": {
            "AccessToken": "a".repeat(1000),
            "IdToken": "i".repeat(1000),
            "RefreshToken": "r".repeat(1800),
            "ExpiresIn": 900,
            "TokenType": "Bearer",
        }, "ChallengeParameters": {} })
        }
        "AdminGetUser" => json!({
            "Username": ID,
            "UserStatus": "CONFIRMED",
            "Enabled": true,
            "UserAttributes": [
                { "Name": "sub", "Value": ID },
                { "Name": "email", "Value": "staff@example.org" },
                { "Name": "name", "Value": "Staff Member" },
            ],
        }),
        "AssociateSoftwareToken" => json!({ "SecretCode": "A".repeat(52) }),
        "VerifySoftwareToken" => json!({ "Status": "SUCCESS" }),
        _ => json!({}),
    }
}
