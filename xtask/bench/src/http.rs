//! As much of HTTP/1.1 as a benchmark's two ends need: messages with a known length, kept alive.

use std::io::{self, BufRead, Write};

/// The longest head that is taken.
const LONGEST_HEAD: usize = 64 * 1024;

/// A request or an answer.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// From the first line to the empty one, which included.
    pub(crate) head: String,
    /// What follows.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// An answer.
    pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Self {
        let mut head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        Self { head, body }
    }

    /// Reads the next message; `None` when the other side has hung up.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut head = String::new();
        loop {
            let start = head.len();
            if from.read_line(&mut head)? == 0 {
                return Ok(None);
            }
            if head.len() > LONGEST_HEAD {
                return Err(io::Error::other("a head without an end"));
            }
            if head.get(start..) == Some("\r\n") {
                break;
            }
        }
        let mut message = Self { head, body: Vec::new() };
        if message.header("transfer-encoding").is_some() {
            return Err(io::Error::other("a message in chunks"));
        }
        let length = message.header("content-length").and_then(|text| text.parse().ok());
        message.body.resize(length.unwrap_or(0), 0);
        from.read_exact(&mut message.body)?;
        Ok(Some(message))
    }

    /// Writes it whole.
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&[self.head.as_bytes(), &self.body].concat())?;
        to.flush()
    }

    /// A header, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// A request's method.
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    /// A request's path and query.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}
