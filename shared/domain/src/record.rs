//! Records: what they are about, and how far a document has come.

use jiff::ToSpan;

use crate::{Date, Timestamp, named};

named! {
    /// What a record is about. A grant names the types it covers.
    pub enum RecordType {
        /// Prescribed medication.
        Prescription = "prescription",
        /// Laboratory results.
        LabReport = "lab-report",
        /// Radiology and other imaging.
        Imaging = "imaging",
        /// A letter from one clinician to another.
        Referral = "referral",
        /// The summary of a stay.
        DischargeSummary = "discharge-summary",
        /// Notes of a consultation.
        VisitNote = "visit-note",
        /// A vaccination.
        Immunization = "immunization",
        /// An allergy or intolerance.
        Allergy = "allergy",
        /// A problem or diagnosis.
        Condition = "condition",
        /// An operation or other procedure.
        Procedure = "procedure",
        /// Blood pressure, weight and other measurements.
        VitalSigns = "vital-signs",
        /// Anything else that is not sensitive.
        Other = "other",
        /// Sensitive: psychiatry and psychotherapy.
        MentalHealth = "mental-health",
        /// Sensitive: sexual and reproductive health.
        SexualHealth = "sexual-health",
        /// Sensitive: genetic tests.
        Genetics = "genetics",
        /// Sensitive: alcohol and drugs.
        SubstanceUse = "substance-use",
    }
}

impl RecordType {
    /// Sensitive types are never covered by "all types"; a grant must name them.
    #[must_use]
    pub fn is_sensitive(self) -> bool {
        matches!(
            self,
            Self::MentalHealth | Self::SexualHealth | Self::Genetics | Self::SubstanceUse
        )
    }
}

/// How many years ahead a record's date may lie, where its type looks ahead.
pub const YEARS_AHEAD: i16 = 10;

impl RecordType {
    /// Whether its date may lie ahead: when a prescription or a referral begins to count.
    #[must_use]
    pub fn looks_ahead(self) -> bool {
        matches!(self, Self::Prescription | Self::Referral | Self::Other)
    }

    /// The last date a record of the type may have at `now`: tomorrow where the day begins first
    /// (UTC+14), and ten years later where it looks ahead.
    #[must_use]
    pub fn last_date(self, now: Timestamp) -> Date {
        let first_zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(14));
        let tomorrow = now.to_zoned(first_zone).date().saturating_add(1.day());
        let years = if self.looks_ahead() { YEARS_AHEAD } else { 0 };
        tomorrow.saturating_add(years.years())
    }
}

/// What consent needs to know of a record, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// What it is about.
    pub kind: RecordType,
    /// The day the content speaks of.
    pub date: Date,
}

/// From one day to another, both included; where one is missing, that side has no end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dates {
    /// The first day.
    pub from: Option<Date>,
    /// The last.
    pub to: Option<Date>,
}

impl Dates {
    /// From `from` to `to`; none where they are the wrong way round.
    #[must_use]
    pub fn between(from: Option<Date>, to: Option<Date>) -> Option<Self> {
        let turned = from.zip(to).is_some_and(|(from, to)| from > to);
        (!turned).then_some(Self { from, to })
    }

    /// Whether a day is one of these.
    #[must_use]
    pub fn hold(self, date: Date) -> bool {
        self.from.is_none_or(|from| from <= date) && self.to.is_none_or(|to| date <= to)
    }

    /// The days of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let to = self.to.into_iter().chain(other.to).min();
        Self { from: self.from.max(other.from), to }
    }
}

named! {
    /// How far a record has come.
    pub enum RecordStatus {
        /// Waiting for its file.
        AwaitingUpload = "awaiting-upload",
        /// The file passed every check and can be read.
        Available = "available",
        /// The file failed a check and was deleted; the reason is on the record.
        Rejected = "rejected",
    }
}

named! {
    /// Why a file was rejected.
    pub enum Rejection {
        /// Its length is not the declared one.
        SizeMismatch = "size-mismatch",
        /// Its SHA-256 is not the declared one.
        ChecksumMismatch = "checksum-mismatch",
        /// Its first bytes are not of the declared type.
        ContentMismatch = "content-mismatch",
        /// Stored under another content type than declared.
        ContentTypeMismatch = "content-type-mismatch",
        /// The doctor who began the upload may no longer add records.
        ConsentEnded = "consent-ended",
    }
}

named! {
    /// How far reading a document's text (OCR) has come. It never hides the document (I11).
    pub enum TextStatus {
        /// Waits for its turn.
        Pending = "pending",
        /// Being read.
        Reading = "reading",
        /// Text is there.
        Read = "read",
        /// No text can be had from it; the reason says why.
        Unreadable = "unreadable",
        /// Reading failed after every retry; the reason says why.
        Failed = "failed",
    }
}

named! {
    /// Why no text could be had.
    pub enum TextProblem {
        /// The format is kept but not read.
        FormatNotRead = "format-not-read",
        /// The page shows no text.
        NoText = "no-text",
        /// The reader could not open the file.
        BadDocument = "bad-document",
        /// More bytes or pages than the reader takes.
        TooLarge = "too-large",
        /// The reader gave up.
        ReaderFailed = "reader-failed",
    }
}

named! {
    /// The formats accepted for upload (RFC 6838 media types).
    pub enum MediaType {
        /// PDF (ISO 32000).
        Pdf = "application/pdf",
        /// PNG.
        Png = "image/png",
        /// JPEG.
        Jpeg = "image/jpeg",
        /// TIFF.
        Tiff = "image/tiff",
        /// WebP.
        WebP = "image/webp",
        /// DICOM part 10 files.
        Dicom = "application/dicom",
        /// UTF-8 text.
        Text = "text/plain",
    }
}

/// Bytes of the head of a file that [`MediaType::matches`] looks at.
pub const HEAD_LEN: usize = 132;

/// The largest file accepted: 50 MB.
pub const MAX_FILE_BYTES: u64 = 50 * 1000 * 1000;

impl MediaType {
    /// Whether a file that begins with `head` (its first [`HEAD_LEN`] bytes, or all of it) can be
    /// of this type. Sources: ISO 32000-1 7.5.2, RFC 2083 3.1, JFIF 1.02, TIFF 6.0, RFC 9649,
    /// DICOM PS3.10 7.1. Plain text must not hold NUL; that the whole is UTF-8 is checked apart.
    #[must_use]
    pub fn matches(self, head: &[u8]) -> bool {
        let at = |offset: usize, magic: &[u8]| {
            head.get(offset..).is_some_and(|rest| rest.starts_with(magic))
        };
        match self {
            Self::Pdf => at(0, b"%PDF-"),
            Self::Png => at(0, b"\x89PNG\r\n\x1a\n"),
            Self::Jpeg => at(0, b"\xff\xd8\xff"),
            Self::Tiff => at(0, b"II*\0") || at(0, b"MM\0*"),
            Self::WebP => at(0, b"RIFF") && at(8, b"WEBP"),
            Self::Dicom => at(128, b"DICM"),
            Self::Text => !head.is_empty() && !head.contains(&0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dates, MediaType, RecordType};
    use crate::{Date, names::Named};

    #[test]
    fn a_record_is_dated_tomorrow_at_most_unless_its_type_looks_ahead() {
        let cases = [
            ("2026-11-30T09:59:59Z", RecordType::LabReport, "2026-12-01"),
            ("2026-11-30T10:00:00Z", RecordType::LabReport, "2026-12-02"),
            ("2026-12-31T12:00:00Z", RecordType::Genetics, "2027-01-02"),
            ("2024-02-28T00:00:00Z", RecordType::Referral, "2034-02-28"),
            ("2024-02-28T00:00:00Z", RecordType::Prescription, "2034-02-28"),
        ];
        for (now, kind, last) in cases {
            assert_eq!(kind.last_date(now.parse().unwrap()).to_string(), last, "{now} {kind}");
        }
    }

    #[test]
    fn dates_hold_both_ends_and_only_what_each_of_two_holds() {
        let day = |day| Date::constant(2020, 2, day);
        let ends = [None, Some(day(10)), Some(day(12))];
        let all = || ends.into_iter().flat_map(|from| ends.map(|to| Dates { from, to }));
        for (one, other) in all().flat_map(|one| all().map(move |other| (one, other))) {
            for date in (9..=13).map(day) {
                let within =
                    one.from.unwrap_or(day(9)) <= date && date <= one.to.unwrap_or(day(13));
                assert_eq!(one.hold(date), within, "{one:?} {date}");
                let both = one.hold(date) && other.hold(date);
                assert_eq!(one.and(other).hold(date), both, "{one:?} {other:?} {date}");
            }
        }
    }

    #[test]
    fn each_format_is_told_by_its_magic_bytes_and_no_other() {
        let mut dicom = vec![0; 128];
        dicom.extend(b"DICM");
        let heads: &[(&[u8], &str)] = &[
            (b"%PDF-1.7\n\x00", "application/pdf"),
            (b"\x89PNG\r\n\x1a\n\x00", "image/png"),
            (b"\xff\xd8\xff\xe0\x00", "image/jpeg"),
            (b"II*\0", "image/tiff"),
            (b"MM\0*", "image/tiff"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
            (&dicom, "application/dicom"),
            (b"hello", "text/plain"),
            (b"\x7fELF\x02\x01\x01\0", ""),
            (b"MZ\x90\0", ""),
            (b"", ""),
            (b"RIFF\0\0\0\0WAVE", ""),
        ];
        for (head, expected) in heads {
            let found: Vec<_> = MediaType::NAMES
                .iter()
                .filter(|(media, _)| media.matches(head))
                .map(|(_, name)| *name)
                .collect();
            assert_eq!(found.join(","), *expected, "{head:?}");
        }
    }
}
