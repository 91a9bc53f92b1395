//! The files of a crate use each other in one direction, so that each can be read after those it
//! uses.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkout::{crates, read, rust_files, without_tests};

/// Where a file stands: `["seed", "rows"]` for `src/seed/rows.rs`, nothing for the crate's root.
type Module = Vec<String>;

/// The files of a crate.
#[derive(Default)]
struct Crate(BTreeMap<Module, File>);

/// A file without tests and comments.
#[derive(Default)]
struct File {
    code: String,
    /// What it offers of others, by name: their paths.
    offers: BTreeMap<String, Vec<String>>,
}

fn module(path: &str) -> Module {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    match path {
        "lib" | "main" => Module::new(),
        inner => inner.split('/').map(str::to_owned).collect(),
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// What follows each mention of a word that stands at the begin of its path.
fn mentions<'code>(code: &'code str, word: &str) -> Vec<&'code str> {
    let whole = |(at, _)| {
        let (before, after) = code.split_at(at);
        let after = &after[word.len()..];
        let begins = !before.ends_with(is_word) && !before.ends_with(':');
        (begins && !after.starts_with(is_word)).then_some(after)
    };
    code.match_indices(word).filter_map(whole).collect()
}

/// The rest of a path at the begin of `code`, with the group it may end in.
fn rest_of_path(code: &str) -> &str {
    let mut depth = 0;
    let is_over = |(at, letter): &(usize, char)| {
        match letter {
            '{' if depth > 0 || code[..*at].ends_with("::") => depth += 1,
            '}' if depth > 0 => depth -= 1,
            _ => return depth == 0 && !is_word(*letter) && *letter != ':',
        }
        false
    };
    code.char_indices().find(is_over).map_or(code, |(end, _)| &code[..end])
}

/// The paths of a tree of imports: `a::b` and `a::c::d` of `a::{b, c::{d}}`.
fn paths(tree: &str) -> Vec<Vec<String>> {
    let words = |path: &str| -> Vec<String> {
        path.split("::").map(|word| word.trim().to_owned()).filter(|it| !it.is_empty()).collect()
    };
    let Some((before, group)) = tree.split_once('{') else { return vec![words(tree)] };
    let mut depth = 0;
    let parts = group[..group.rfind('}').unwrap()].split(|letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    });
    let parts = parts.filter(|part| !part.trim().is_empty()).flat_map(paths);
    parts.map(|path| [words(before), path].concat()).collect()
}

impl File {
    fn of(text: &str) -> Self {
        let lines = without_tests(text).lines();
        let lines: Vec<_> = lines.map(|line| line.split("//").next().unwrap()).collect();
        let mut file = Self::default();
        for statement in lines.join("\n").split_inclusive(';') {
            let offer = ["pub use ", "pub(crate) use "];
            let offer = offer.iter().find_map(|words| statement.split_once(words));
            file.code.push_str(offer.map_or(statement, |(before, _)| before));
            for path in offer.into_iter().flat_map(|(_, tree)| paths(tree.trim_end_matches(';'))) {
                file.offers.insert(path.last().unwrap().clone(), path);
            }
        }
        file
    }
}

impl Crate {
    /// The file that has what a path means at `from`.
    fn resolve(&self, from: &Module, path: &[String]) -> Module {
        let mut at = from.clone();
        for word in path {
            match word.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                name => {
                    let inner = [at.as_slice(), &[name.to_owned()]].concat();
                    if self.0.contains_key(&inner) {
                        at = inner;
                    } else if let Some(offered) = self.0.get(&at).and_then(|it| it.offers.get(name))
                    {
                        return self.resolve(&at, offered);
                    } else {
                        return at;
                    }
                }
            }
        }
        at
    }

    /// The other files that a file uses.
    fn used_by(&self, at: &Module) -> BTreeSet<Module> {
        let file = &self.0[at];
        let inner = self.0.keys().filter(|it| it.split_last().is_some_and(|(_, of)| of == at));
        let inner = inner.filter_map(|module| module.last().map(String::as_str));
        let mut used = BTreeSet::new();
        for word in ["crate", "self", "super"].into_iter().chain(inner) {
            let rests = mentions(&file.code, word).into_iter();
            for rest in rests.filter(|rest| rest.starts_with("::")) {
                let all = paths(&format!("{word}{}", rest_of_path(rest)));
                used.extend(all.iter().map(|path| self.resolve(at, path)));
            }
        }
        for (name, path) in &file.offers {
            if !mentions(&file.code, name).is_empty() {
                used.insert(self.resolve(at, path));
            }
        }
        used.remove(at);
        used
    }

    /// A circle of files, if there is one: each uses the next, the last is the first.
    fn circle(&self) -> Option<Vec<String>> {
        let mut left: BTreeMap<_, _> = self.0.keys().map(|at| (at, self.used_by(at))).collect();
        loop {
            let uses_none = |used: &BTreeSet<Module>| !used.iter().any(|at| left.contains_key(at));
            let ends = left.iter().filter(|(_, used)| uses_none(used)).map(|(at, _)| *at);
            let ends: BTreeSet<_> = ends.collect();
            if ends.is_empty() {
                break;
            }
            left.retain(|at, _| !ends.contains(at));
        }
        let mut walk = vec![*left.keys().next()?];
        loop {
            let next = left[walk.last()?].iter().find(|at| left.contains_key(at))?;
            let met = walk.iter().position(|at| *at == next);
            walk.push(next);
            if let Some(met) = met {
                let name =
                    |at: &&Module| [&["crate".to_owned()], at.as_slice()].concat().join("::");
                return Some(walk[met..].iter().map(name).collect());
            }
        }
    }
}

#[test]
fn no_files_of_a_crate_use_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for member in crates() {
        let source = format!("{member}/src/");
        let mut files = Crate::default();
        for path in rust_files(source.trim_end_matches('/')) {
            let inner = path.strip_prefix(&source).unwrap();
            // A binary is a crate of its own.
            if !inner.starts_with("bin/") && !inner.ends_with("/tests.rs") {
                files.0.insert(module(inner), File::of(&read(&path)));
            }
        }
        assert!(!files.0.is_empty() || member.ends_with("empty"), "{member} has no files");
        circles.extend(files.circle().map(|circle| format!("{member}: {}", circle.join(" -> "))));
    }
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_circle_is_seen_through_groups_offers_and_the_files_above() {
    let made = |texts: &[(&str, &str)]| {
        Crate(texts.iter().map(|(path, text)| (module(path), File::of(text))).collect())
    };
    let root = ("lib.rs", "mod a;\nmod b;\npub use b::{inner::Thing, Other};\n");
    let inner = "use crate::{\n    std,\n    a::{One, Two},\n};\nfn f() {}";
    let files = |a| made(&[root, ("a.rs", a), ("b/mod.rs", ""), ("b/inner.rs", inner)]);
    let circle = ["crate::a", "crate::b::inner", "crate::a"].map(str::to_owned).to_vec();
    for a in ["use crate::Thing;", "fn f(it: crate::b::inner::Thing) {}", "use super::b::inner;"] {
        assert_eq!(files(a).circle(), Some(circle.clone()), "{a}");
    }
    for a in
        ["use crate::b::Other;", "// crate::Thing", "#[cfg(test)]\nmod tests { use crate::b; }"]
    {
        assert_eq!(files(a).circle(), None, "{a}");
    }
}
