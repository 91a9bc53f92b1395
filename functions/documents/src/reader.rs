//! The text reader: Amazon Textract. It reads the files itself, with this function's permissions.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_textract::{
    Client,
    config::timeout::TimeoutConfig,
    error::{ProvideErrorMetadata, SdkError},
    types::{Document, DocumentLocation, JobStatus, NotificationChannel, S3Object},
};
use domain::record::TextProblem;
use store::{Fault, TripCounter, objects::Place, rows::PageContent};

use crate::text::Pages;

/// How long one call may take: a page is read while it waits.
const LONGEST_CALL: Duration = Duration::from_secs(50);

/// Why the reader will never read this, however often it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The document itself is at fault.
    Document(TextProblem),
    /// It cannot get at the file.
    NoFile,
}

/// How far an asynchronous reading has come.
#[derive(Debug)]
pub(crate) enum Reading {
    /// Not at its end.
    InProgress,
    /// Ended, with these pages.
    Ended(Vec<PageContent>),
    /// Ended without text, because of the document or, where that is `None`, of the reader.
    Failed(Option<TextProblem>),
}

/// A client of the text reader.
#[derive(Debug)]
pub(crate) struct Reader {
    textract: Client,
    bucket: String,
}

impl Reader {
    pub(crate) fn new(config: &SdkConfig, bucket: &str) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(LONGEST_CALL)
            .build();
        let textract = aws_sdk_textract::config::Builder::from(config)
            .timeout_config(timeouts)
            .interceptor(TripCounter);
        Self { textract: Client::from_conf(textract.build()), bucket: bucket.to_owned() }
    }

    fn object(&self, place: Place) -> S3Object {
        S3Object::builder().bucket(&self.bucket).name(place.kept()).build()
    }

    /// Reads an image at once.
    pub(crate) async fn detect(
        &self,
        place: Place,
    ) -> Result<Result<Vec<PageContent>, Refusal>, Fault> {
        let document = Document::builder().s3_object(self.object(place)).build();
        let call = self.textract.detect_document_text().document(document);
        match Box::pin(call.send()).await {
            Err(error) => refused(&error).map(Err),
            Ok(answer) => {
                let mut pages = Pages::default();
                pages.take(answer.blocks());
                let count = answer.document_metadata().and_then(|about| about.pages());
                Ok(Ok(pages.finish(count)))
            }
        }
    }

    /// Begins to read a document of several pages; the same `attempt` begins it only once. The
    /// job's id.
    pub(crate) async fn start(
        &self,
        place: Place,
        attempt: u32,
        tell: &NotificationChannel,
    ) -> Result<Result<String, Refusal>, Fault> {
        let at = DocumentLocation::builder().s3_object(self.object(place)).build();
        let once = format!("{}/{attempt}", place.kept());
        let call = self
            .textract
            .start_document_text_detection()
            .document_location(at)
            .client_request_token(store::sha256_hex(&[once.as_bytes()]))
            .job_tag(tag(attempt))
            .notification_channel(tell.clone());
        match Box::pin(call.send()).await {
            Err(error) => refused(&error).map(Err),
            Ok(answer) => answer.job_id.map(Ok).ok_or(Fault::Corrupt("textract-answer")),
        }
    }

    /// What came of a job.
    pub(crate) async fn collect(&self, job: &str) -> Result<Reading, Fault> {
        let mut pages = Pages::default();
        let mut next = None;
        loop {
            let call = self.textract.get_document_text_detection().job_id(job).set_next_token(next);
            let answer = match Box::pin(call.send()).await {
                Ok(answer) => answer,
                Err(error) if code(&error) == Some("InvalidJobIdException") => {
                    return Ok(Reading::Failed(None));
                }
                Err(error) => return Err(Fault::of(&error)),
            };
            match answer.job_status() {
                Some(JobStatus::Succeeded | JobStatus::PartialSuccess) => {}
                Some(JobStatus::InProgress) => return Ok(Reading::InProgress),
                Some(JobStatus::Failed) => {
                    let why = answer.status_message().unwrap_or_default();
                    return Ok(Reading::Failed(problem(why)));
                }
                _ => return Err(Fault::Corrupt("textract-answer")),
            }
            pages.take(answer.blocks());
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                let count = answer.document_metadata.and_then(|about| about.pages);
                return Ok(Reading::Ended(pages.finish(count)));
            }
        }
    }
}

/// What a job is marked with: nothing but the number of the attempt.
fn tag(attempt: u32) -> String {
    format!("attempt-{attempt}")
}

/// The attempt that a mark stands for.
pub(crate) fn attempt_of(tag: &str) -> u32 {
    tag.strip_prefix("attempt-").and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// Whether a failed call failed for good.
fn refused<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Result<Refusal, Fault> {
    match code(error) {
        Some("InvalidS3ObjectException") => Ok(Refusal::NoFile),
        Some(code) => problem(code).map(Refusal::Document).ok_or_else(|| Fault::of(error)),
        None => Err(Fault::of(error)),
    }
}

/// What an error's or a status' name says of the document; `None` when it says nothing of it.
/// Source: Amazon Textract API Reference, errors of `DetectDocumentText`.
fn problem(name: &str) -> Option<TextProblem> {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_lowercase();
    let known = [
        ("unsupporteddocument", TextProblem::FormatNotRead),
        ("baddocument", TextProblem::BadDocument),
        ("documenttoolarge", TextProblem::TooLarge),
    ];
    known.iter().find(|(start, _)| letters.starts_with(start)).map(|(_, problem)| *problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_about_the_document_is_for_good() {
        let cases = [
            ("UnsupportedDocumentException", Some(TextProblem::FormatNotRead)),
            ("UNSUPPORTED_DOCUMENT_TYPE", Some(TextProblem::FormatNotRead)),
            ("BadDocumentException: Request has bad document", Some(TextProblem::BadDocument)),
            ("DocumentTooLargeException", Some(TextProblem::TooLarge)),
            ("ThrottlingException", None),
            ("ProvisionedThroughputExceededException", None),
            ("InternalServerError", None),
            ("INTERNAL_ERROR", None),
            ("AccessDeniedException", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(problem(name), expected, "{name}");
        }
    }

    #[test]
    fn a_job_is_marked_with_its_attempt_only() {
        for attempt in [0, 1, 17, u32::MAX] {
            assert_eq!(attempt_of(&tag(attempt)), attempt);
        }
        for other in ["", "attempt-", "attempt--1", "other-1", "attempt-x"] {
            assert_eq!(attempt_of(other), 0, "{other}");
        }
    }
}
