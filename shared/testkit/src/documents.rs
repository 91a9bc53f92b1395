//! Documents to upload.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{Answer, Call, Outcome, Stack, Surprise, poll};

/// A file to upload and how it is declared.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its name.
    pub name: String,
    /// The declared media type.
    pub media_type: String,
    /// The declared size.
    pub size: usize,
    /// The declared SHA-256.
    pub sha256: String,
    /// What is really sent.
    pub bytes: Vec<u8>,
}

/// The samples the repository carries.
#[must_use]
pub fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/documents")
}

/// Material from elsewhere, beside the checkout; `None` where it is not there.
#[must_use]
pub fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/documents");
    beside.is_dir().then_some(beside)
}

impl Document {
    /// A document declared as it is.
    #[must_use]
    pub fn new(name: &str, media_type: &str, bytes: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            media_type: media_type.into(),
            size: bytes.len(),
            sha256: store::sha256_hex(&[&bytes]),
            bytes,
        }
    }

    /// A file, declared by its extension; `None` for a file of another kind.
    pub fn read(path: &Path) -> Outcome<Option<Self>> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let media_type = match extension.to_ascii_lowercase().as_str() {
            "pdf" => "application/pdf",
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "tif" | "tiff" => "image/tiff",
            "txt" => "text/plain",
            _ => return Ok(None),
        };
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("file");
        Ok(Some(Self::new(name, media_type, std::fs::read(path)?)))
    }

    /// Every document of a folder, by name.
    pub fn all(folder: &Path) -> Outcome<Vec<Self>> {
        let paths = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
        let mut paths = paths.collect::<Result<Vec<_>, _>>()?;
        paths.sort();
        let read = paths.iter().map(|path| Self::read(path)).collect::<Result<Vec<_>, _>>()?;
        let documents: Vec<_> = read.into_iter().flatten().collect();
        match documents.is_empty() {
            true => Err(Surprise(format!("no documents in {}", folder.display()))),
            false => Ok(documents),
        }
    }

    /// What `upload_create` is asked.
    #[must_use]
    pub fn declaration(&self, kind: &str, title: &str) -> Value {
        json!({
            "type": kind, "date": "2026-10-05", "title": title, "fileName": self.name,
            "contentType": self.media_type, "size": self.size, "sha256": self.sha256,
        })
    }

    /// Uploads it to a vault: asks for the form and posts the file. Answers the record's id and
    /// what S3 said.
    pub fn upload(
        &self,
        stack: &Stack,
        vault: (&str, &str),
        kind: &str,
        title: &str,
    ) -> Outcome<(String, Answer)> {
        let (id, form) = begin(stack, vault, &self.declaration(kind, title))?;
        Ok((id, post_form(&form, self)?))
    }
}

/// Sends a file through a presigned POST, as `upload_create` answers it.
///
/// # Errors
/// When the form is not one.
pub fn post_form(form: &Value, document: &Document) -> Outcome<Answer> {
    let boundary = uuid::Uuid::now_v7().simple().to_string();
    let mut body = Vec::new();
    let fields = form["fields"].as_object().ok_or_else(|| Surprise("no form fields".into()))?;
    for (name, value) in fields {
        let value = value.as_str().unwrap_or_default();
        let part =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend(part.as_bytes());
        body.extend(value.as_bytes());
        body.extend(b"\r\n");
    }
    let media = fields.get("Content-Type").and_then(Value::as_str).unwrap_or_default();
    let file = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n\
         Content-Type: {media}\r\n\r\n"
    );
    body.extend(file.as_bytes());
    body.extend(&document.bytes);
    body.extend(format!("\r\n--{boundary}--\r\n").as_bytes());
    let url = form["url"].as_str().unwrap_or_default();
    Call::new("POST", url.into())
        .header("Content-Type", &format!("multipart/form-data; boundary={boundary}"))
        .body(body)
        .send()
}

/// Begins an upload to a vault: the record's id, and the form to send the file with.
pub fn begin(
    stack: &Stack,
    (patient, token): (&str, &str),
    declared: &Value,
) -> Outcome<(String, Value)> {
    let path = format!("/v1/patients/{patient}/uploads");
    let begun = stack.post(&path).token(token).json(declared).expect(201)?;
    Ok((begun.text("/recordId")?.to_owned(), begun.body["upload"].clone()))
}

/// Waits until a record's file is available or rejected and its text needs no more waiting, and
/// answers the record.
pub fn settled(stack: &Stack, patient: &str, token: &str, record: &str) -> Outcome<Value> {
    let path = format!("/v1/patients/{patient}/records/{record}");
    poll("a document to be checked and read", || {
        let record = stack.get_path(&path).token(token).expect(200)?.body;
        let text = record.pointer("/text/status").and_then(Value::as_str).unwrap_or_default();
        let waiting = record["status"] == "awaiting-upload"
            || record["status"] == "available" && ["", "pending", "reading"].contains(&text);
        Ok((!waiting).then_some(record))
    })
}
