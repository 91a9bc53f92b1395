//! The story, with our own documents and with those from elsewhere.

use testkit::{Outcome, Stack, documents, story};

#[test]
fn the_story_plays_with_our_own_documents() -> Outcome {
    story::play(Stack::get()?, &documents::samples(), &mut |line| println!("{line}"))
}

#[test]
fn the_story_plays_with_documents_from_elsewhere() -> Outcome {
    let Some(folder) = documents::shared() else {
        println!("the shared documents are not beside this checkout; nothing to play them with");
        return Ok(());
    };
    println!("playing the documents of {}", folder.display());
    story::play(Stack::get()?, &folder, &mut |line| println!("{line}"))
}
