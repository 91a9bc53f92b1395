//! A record as the API shows it.

use domain::{
    Date, RecordId, Timestamp,
    audit::Actor,
    record::{MediaType, RecordStatus, RecordType, Rejection, TextProblem, TextStatus},
};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    register::Entry,
    rows::{Record, RecordContent},
};

/// A record.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MedicalRecord")]
pub(crate) struct RecordView {
    id: RecordId,
    status: RecordStatus,
    version: u32,
    #[serde(rename = "type")]
    kind: RecordType,
    date: Date,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
    author: Actor,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<Rejection>,
}

/// A record, as lists show it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RecordSummary")]
pub(crate) struct EntryView {
    id: RecordId,
    status: RecordStatus,
    version: u32,
    #[serde(rename = "type")]
    kind: RecordType,
    date: Date,
    title: String,
    /// One line of its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    author: Actor,
    created_at: Timestamp,
    /// Whether its file came and can be downloaded.
    has_file: bool,
}

impl EntryView {
    pub(crate) fn new(entry: Entry, now: Timestamp) -> Self {
        let (created_at, status) = (entry.created_at(), entry.status_at(now));
        Self {
            id: entry.id,
            status,
            version: entry.version,
            kind: entry.kind,
            date: entry.date,
            title: entry.title,
            summary: entry.line,
            author: entry.author,
            created_at,
            has_file: entry.has_file && entry.status == RecordStatus::Available,
        }
    }
}

/// A record's file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RecordFile")]
struct FileView {
    name: String,
    content_type: MediaType,
    size: u64,
    sha256: String,
}

/// How far reading a record's text has come.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RecordTextStatus")]
struct TextView {
    status: TextStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<TextProblem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pages: Option<u32>,
}

impl RecordView {
    pub(crate) fn new(id: RecordId, row: &Record, content: &RecordContent, now: Timestamp) -> Self {
        let content = content.clone();
        Self {
            id,
            status: row.status.at(row.awaited_until, now),
            version: row.version,
            kind: content.kind,
            date: content.date,
            title: content.title,
            notes: content.notes,
            author: row.author,
            created_at: row.created_at,
            updated_at: row.updated_at,
            file: content.file.map(|file| FileView {
                name: file.name,
                content_type: file.media_type,
                size: file.size,
                sha256: file.sha256,
            }),
            text: row.text_status.map(|status| TextView {
                status,
                reason: row.text_problem,
                pages: row.pages,
            }),
            rejection: row.rejection,
        }
    }
}
