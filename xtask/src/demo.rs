//! The story, played over HTTP.

use std::path::PathBuf;

use anyhow::Result;

use crate::stack::StackInfo;

/// Plays the story against a running stack; fails on the first surprise.
pub(crate) fn play(stack: &StackInfo, documents: Option<PathBuf>) -> Result<()> {
    let _ = documents;
    println!(
        "The story has yet to be written; the API is at {}",
        stack.api_url
    );
    Ok(())
}
