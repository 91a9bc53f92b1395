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

/// The day of a moment, in UTC.
#[must_use]
pub fn day(at: Timestamp) -> Date {
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}

named! {
    /// How far a record has come.
    pub enum RecordStatus {
        /// Waiting for its file.
        AwaitingUpload = "awaiting-upload",
        /// The form for its file ended and no file came; another form can be had for a day.
        Expired = "expired",
        /// The file passed every check and can be read.
        Available = "available",
        /// The file failed a check and was deleted; the reason is on the record.
        Rejected = "rejected",
    }
}

impl RecordStatus {
    /// What it is at `now`: no file is waited for once the form for it has ended, whatever the table
    /// says.
    #[must_use]
    pub fn at(self, awaited_until: Option<Timestamp>, now: Timestamp) -> Self {
        match (self, awaited_until) {
            (Self::AwaitingUpload, Some(until)) if until <= now => Self::Expired,
            _ => self,
        }
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
        /// A text in an encoding that cannot be told.
        EncodingUnknown = "encoding-unknown",
        /// A PDF that opens only with a password.
        Locked = "locked",
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
        /// Plain text.
        Text = "text/plain",
    }
}

/// Bytes of the head of a file that [`MediaType::matches`] looks at, all of it where it is shorter.
pub const HEAD_LEN: usize = 1024 + PDF.len();

/// The largest file accepted: 50 MB.
pub const MAX_FILE_BYTES: u64 = 50 * 1000 * 1000;

const PDF: &[u8] = b"%PDF-";
/// What files begin with that hold bytes and not text: ours, archives, programs, office documents.
const NOT_TEXT: [&[u8]; 11] = [
    PDF,
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"PK\x03\x04",
    b"Rar!\x1a",
    b"7z\xbc\xaf",
    b"\x1f\x8b\x08",
    b"BZh",
    b"\x7fELF",
    b"\xd0\xcf\x11\xe0",
];
/// What no scanner puts before a PDF: such a file is two things at once.
const MARKUP_OR_PROGRAM: [&[u8]; 3] = [b"<", b"MZ", b"#!"];
/// The value representations of the elements that a data set begins with (DICOM PS3.5 6.2).
const REPRESENTATIONS: [&[u8; 2]; 16] = [
    b"AE", b"CS", b"DA", b"DT", b"IS", b"LO", b"OB", b"PN", b"SH", b"SQ", b"ST", b"TM", b"UI",
    b"UL", b"UN", b"US",
];

/// Whether a PDF begins within the first 1 024 bytes, as readers take it (ISO 32000-1, Annex H, note
/// 13), and nothing else does before it.
fn has_pdf_header(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start = head.trim_ascii_start();
    let foreign = MARKUP_OR_PROGRAM.iter().chain(NOT_TEXT.iter().filter(|magic| **magic != PDF));
    head.windows(PDF.len()).any(|window| window == PDF)
        && !foreign.into_iter().any(|magic| start.starts_with(magic))
}

/// Whether a DICOM data set begins here, without the preamble of a file: with an element of group 0002
/// or 0008, its representation explicit in either byte order, or implicit and a next element behind.
fn is_data_set(head: &[u8]) -> bool {
    let Some((&[a, b, _, _, rest @ ..], value)) = head.split_first_chunk::<8>() else {
        return false;
    };
    let [vr_a, vr_b, ..] = rest;
    let explicit = REPRESENTATIONS.contains(&&[vr_a, vr_b]);
    match [a, b] {
        [2 | 8, 0] => explicit || has_next_element(a, rest, value),
        [0, 2 | 8] => explicit,
        _ => false,
    }
}

/// Whether an element of `group` with a length in four bytes ends where another begins.
fn has_next_element(group: u8, length: [u8; 4], value: &[u8]) -> bool {
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    let next = value.get(length..).and_then(|next| next.first_chunk::<8>());
    length.is_multiple_of(2)
        && next.is_some_and(|[a, b, ..]| *b == 0 && (group..=0x10).contains(a) && a % 2 == 0)
}

impl MediaType {
    /// How the name of a file of this type ends.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Tiff => "tif",
            Self::WebP => "webp",
            Self::Dicom => "dcm",
            Self::Text => "txt",
        }
    }

    /// Whether a file that begins with `head` (its first [`HEAD_LEN`] bytes, or all of it) can be
    /// of this type. Sources: ISO 32000-1 7.5.2, RFC 2083 3.1, JFIF 1.02, TIFF 6.0, RFC 9649,
    /// DICOM PS3.10 7.1. That a text has no zero bytes but those of UTF-16 and UTF-32 is checked apart.
    #[must_use]
    pub fn matches(self, head: &[u8]) -> bool {
        let at = |offset: usize, magic: &[u8]| {
            head.get(offset..).is_some_and(|rest| rest.starts_with(magic))
        };
        match self {
            Self::Pdf => has_pdf_header(head),
            Self::Png => at(0, b"\x89PNG\r\n\x1a\n"),
            Self::Jpeg => at(0, b"\xff\xd8\xff"),
            Self::Tiff => at(0, b"II*\0") || at(0, b"MM\0*"),
            Self::WebP => at(0, b"RIFF") && at(8, b"WEBP"),
            Self::Dicom => at(128, b"DICM") || is_data_set(head),
            Self::Text => !head.is_empty() && !NOT_TEXT.iter().any(|magic| at(0, magic)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dates, HEAD_LEN, MediaType, RecordType};
    use crate::{Date, Timestamp, names::Named};

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
    fn an_upload_expires_by_the_clock_and_nothing_else_does() {
        use super::RecordStatus::{Available, AwaitingUpload, Expired, Rejected};
        let at = |second| Timestamp::constant(second, 0);
        let cases = [
            (AwaitingUpload, Some(at(10)), at(9), AwaitingUpload),
            (AwaitingUpload, Some(at(10)), at(10), Expired),
            (AwaitingUpload, None, at(10), AwaitingUpload),
            (Available, Some(at(10)), at(11), Available),
            (Rejected, None, at(11), Rejected),
        ];
        for (status, until, now, expected) in cases {
            assert_eq!(status.at(until, now), expected, "{status} {now}");
        }
    }

    #[test]
    fn each_format_is_told_by_its_magic_bytes_and_no_other() {
        let mut dicom = vec![0; 128];
        dicom.extend(b"DICM");
        let scanned = ["X-Scanner: 1.0\n", &"-".repeat(1009), "%PDF-1.3"].concat();
        let farther = ["-".repeat(1025).as_str(), "%PDF-1.3"].concat();
        let heads: &[(&[u8], &str)] = &[
            (b"%PDF-1.7\n\x00", "application/pdf"),
            (b"\xef\xbb\xbf%PDF-1.3", "application/pdf,text/plain"),
            (scanned.as_bytes(), "application/pdf,text/plain"),
            (&farther.as_bytes()[..HEAD_LEN], "text/plain"),
            (b"<html>%PDF-1.3", "text/plain"),
            (b" MZ\0\0%PDF-1.3", "text/plain"),
            (b"GIF89a%PDF-1.3", ""),
            (b"\x89PNG\r\n\x1a\n\x00", "image/png"),
            (b"\xff\xd8\xff\xe0\x00", "image/jpeg"),
            (b"II*\0", "image/tiff,text/plain"),
            (b"MM\0*", "image/tiff,text/plain"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp,text/plain"),
            (&dicom, "application/dicom,text/plain"),
            (b"\x08\0\x16\0UI\x1a\x001.2.840", "application/dicom,text/plain"),
            (b"\x02\0\0\0UL\x04\0\0\0\0\0", "application/dicom,text/plain"),
            (b"\0\x08\0\x16UI\0\x1a1.2.840", "application/dicom,text/plain"),
            (b"\x08\0\x05\0\x02\0\0\0CS\x08\0\x16\0\x1a\0\0\0", "application/dicom,text/plain"),
            (b"\x08\0\x05\0\x02\0\0\0CSxx\x16\0\x1a\0\0\0", "text/plain"),
            (b"\x08\0\x05\0\xff\xff\xff\xffCS\x08\0\x16\0", "text/plain"),
            (b"\x0a\0\x16\0UI\x1a\x001.2.840", "text/plain"),
            (b"hello", "text/plain"),
            (b"\x7fELF\x02\x01\x01\0", ""),
            (b"", ""),
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
