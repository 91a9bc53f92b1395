//! The checks on a file that arrived: content type, size, checksum and format. They take it piece
//! by piece and keep no more of it than its first bytes.

use domain::{
    names::Named,
    record::{HEAD_LEN, MediaType, Rejection},
};
use store::{Fault, Sha256, objects::Arrived, rows::FileContent};

use crate::charset::Zeros;

/// Checks a file piece by piece: its format, or why it is rejected.
pub(crate) async fn check(
    mut file: Arrived,
    declared: &FileContent,
) -> Result<Result<MediaType, Rejection>, Fault> {
    if file.content_type.as_deref() != Some(declared.media_type.name()) {
        return Ok(Err(Rejection::ContentTypeMismatch));
    }
    let mut check = Check::new(declared);
    while let Some(piece) = file.body.next().await {
        let piece = piece.map_err(|_| Fault::Unavailable("broken-stream".into()))?;
        if let Err(rejection) = check.take(&piece) {
            return Ok(Err(rejection));
        }
    }
    Ok(check.finish().map(|()| declared.media_type))
}

/// A check under way.
#[derive(Debug)]
struct Check<'f> {
    declared: &'f FileContent,
    size: u64,
    digest: Sha256,
    head: Vec<u8>,
    zeros: Zeros,
}

impl<'f> Check<'f> {
    /// A check of a file against what was declared of it.
    fn new(declared: &'f FileContent) -> Self {
        Self {
            declared,
            size: 0,
            digest: Sha256::default(),
            head: Vec::with_capacity(HEAD_LEN),
            zeros: Zeros::default(),
        }
    }

    /// Takes the next piece. Fails as soon as the file is longer than declared.
    fn take(&mut self, piece: &[u8]) -> Result<(), Rejection> {
        self.size = self.size.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if self.size > self.declared.size {
            return Err(Rejection::SizeMismatch);
        }
        self.digest.update(piece);
        let wanted = HEAD_LEN.saturating_sub(self.head.len());
        self.head.extend(piece.iter().take(wanted));
        if self.declared.media_type == MediaType::Text {
            self.zeros.take(piece);
        }
        Ok(())
    }

    /// What came of it, at the end of the file.
    fn finish(self) -> Result<(), Rejection> {
        let media_type = self.declared.media_type;
        if self.size != self.declared.size {
            Err(Rejection::SizeMismatch)
        } else if self.digest.hex() != self.declared.sha256 {
            Err(Rejection::ChecksumMismatch)
        } else if !media_type.matches(&self.head)
            || (media_type == MediaType::Text && !self.zeros.are_of_a_text())
        {
            Err(Rejection::ContentMismatch)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(media_type: MediaType, content: &[u8]) -> FileContent {
        let sha256 = store::sha256_hex(&[content]);
        FileContent { name: "x".into(), media_type, size: content.len() as u64, sha256 }
    }

    /// The outcome for every way to cut the content into pieces of one length.
    fn check(file: &FileContent, content: &[u8]) -> Result<(), Rejection> {
        let outcomes: Vec<_> = (1..=content.len().max(1))
            .map(|length| {
                let mut check = Check::new(file);
                content.chunks(length).try_for_each(|piece| check.take(piece))?;
                check.finish()
            })
            .collect();
        assert!(outcomes.windows(2).all(|two| two[0] == two[1]), "depends on the pieces");
        outcomes[0]
    }

    #[test]
    fn a_file_passes_only_as_it_was_declared_however_it_is_cut() {
        let pdf: &[u8] = b"%PDF-1.7\n and more";
        let long_pdf = [pdf, &[0xff; 400]].concat();
        let text = "Größe: 1,80 m – 日本 🩺".as_bytes();
        let as_declared: &[(MediaType, &[u8], Result<(), Rejection>)] = &[
            (MediaType::Pdf, pdf, Ok(())),
            (MediaType::Pdf, &long_pdf, Ok(())),
            (MediaType::Text, text, Ok(())),
            (MediaType::Text, b"a", Ok(())),
            (MediaType::Png, pdf, Err(Rejection::ContentMismatch)),
            (MediaType::Pdf, b"\xef\xbb\xbf%PDF-1.7", Ok(())),
            (MediaType::Pdf, b" %PDF-1", Ok(())),
            (MediaType::Jpeg, b"\x7fELF\x02", Err(Rejection::ContentMismatch)),
            (MediaType::Text, b"", Err(Rejection::ContentMismatch)),
            (MediaType::Text, b"abc\xff", Ok(())),
            (MediaType::Text, b"\xff\xfea\0b\0", Ok(())),
            (MediaType::Text, b"a\0b\0", Ok(())),
            (MediaType::Text, b"a\0b", Err(Rejection::ContentMismatch)),
            (MediaType::Text, b"PK\x03\x04\x14", Err(Rejection::ContentMismatch)),
            (MediaType::Text, pdf, Err(Rejection::ContentMismatch)),
        ];
        for (media_type, content, expected) in as_declared {
            assert_eq!(check(&declared(*media_type, content), content), *expected, "{media_type}");
        }
        let late_nul = [&[b'a'; 300][..], b"\0"].concat();
        let file = declared(MediaType::Text, &late_nul);
        assert_eq!(check(&file, &late_nul), Err(Rejection::ContentMismatch));
    }

    #[test]
    fn files_that_are_not_what_they_say_are_refused() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data");
        let truth = std::fs::read(format!("{folder}/documents/truth.json")).unwrap();
        let truth: serde_json::Value = serde_json::from_slice(&truth).unwrap();
        let refused = truth["refused"].as_object().unwrap();
        assert!(refused.len() > 9);
        for (name, about) in refused {
            let content = std::fs::read(format!("{folder}/refused/{name}")).unwrap();
            let media_type = about["declaredContentType"].as_str().unwrap();
            let file = declared(MediaType::from_name(media_type).unwrap(), &content);
            let mut check = Check::new(&file);
            check.take(&content).unwrap();
            assert_eq!(check.finish(), Err(Rejection::ContentMismatch), "{name}");
        }
    }

    #[test]
    fn another_size_or_checksum_than_declared_is_named_first() {
        let pdf: &[u8] = b"%PDF-1.7\n";
        let file = declared(MediaType::Pdf, pdf);
        assert_eq!(check(&file, b"%PDF-1.7"), Err(Rejection::SizeMismatch));
        assert_eq!(check(&file, b"%PDF-1.7\n\n"), Err(Rejection::SizeMismatch));
        assert_eq!(check(&file, b""), Err(Rejection::SizeMismatch));
        assert_eq!(check(&file, b"%PDF-1.8\n"), Err(Rejection::ChecksumMismatch));
        assert_eq!(check(&file, b"MZ\x90\x00aaaaa"), Err(Rejection::ChecksumMismatch));
    }
}
