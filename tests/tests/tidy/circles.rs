//! The modules of a crate use each other in one direction, so that each can be read after those it
//! uses. A folder counts as one module.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkout::{crates, read, rust_files, without_tests};

/// The names after each `crate::` of a module: one, or the first of each item of a group.
fn names_used(code: &str) -> BTreeSet<String> {
    let first_word = |item: &str| {
        let item = item.trim();
        let end = item.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(item.len());
        item[..end].to_owned()
    };
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => _ = names.insert(first_word(rest)),
            Some(group) => {
                let mut depth = 1;
                let items = group.split(|c| {
                    depth += i32::from(c == '{') - i32::from(c == '}' && depth > 0);
                    depth == 0 || (depth == 1 && c == ',')
                });
                let upto_end = items.take_while(|item| !item.starts_with(';'));
                names.extend(upto_end.map(first_word));
            }
        }
    }
    names
}

/// What a crate's root offers of its modules, by name: `pub use look::{Found, Look};`.
fn offers(root: &str) -> BTreeMap<String, String> {
    let uses = root.split("use ").skip(1).filter_map(|rest| rest.split_once(';'));
    let of_module = |(path, _): (&str, &str)| {
        let (module, names) = path.split_once("::")?;
        let names = names.trim_matches(['{', '}']).split(',').map(|name| name.trim().to_owned());
        Some(names.map(|name| (name, module.to_owned())).collect::<Vec<_>>())
    };
    uses.filter_map(of_module).flatten().collect()
}

/// The modules that are left when those that use no other are taken away, again and again.
fn circle(modules: &BTreeMap<String, String>, root: &str) -> BTreeSet<String> {
    let offers = offers(root);
    let used = |(name, code): (&String, &String)| {
        let used = names_used(code).into_iter();
        let used: BTreeSet<_> =
            used.map(|name| offers.get(&name).cloned().unwrap_or(name)).collect();
        (name.clone(), used.into_iter().filter(|other| other != name).collect::<BTreeSet<_>>())
    };
    let mut left: BTreeMap<_, _> = modules.iter().map(used).collect();
    loop {
        let ends = left.iter().filter(|(_, used)| !used.iter().any(|one| left.contains_key(one)));
        let ends: BTreeSet<_> = ends.map(|(name, _)| name.clone()).collect();
        left.retain(|name, _| !ends.contains(name));
        if ends.is_empty() {
            return left.into_keys().collect();
        }
    }
}

#[test]
fn no_modules_of_a_crate_use_each_other_in_a_circle() {
    for member in crates() {
        let source = format!("{member}/src/");
        let (mut modules, mut root) = (BTreeMap::<_, String>::new(), String::new());
        for path in rust_files(source.trim_end_matches('/')) {
            let inner = path.strip_prefix(&source).unwrap();
            let name = inner.split(['/', '.']).next().unwrap();
            let text = read(&path);
            let code = without_tests(&text).lines().filter(|line| !line.trim().starts_with("//"));
            let code = code.collect::<Vec<_>>().join("\n");
            match name {
                // A binary is a crate of its own.
                "bin" => {}
                "lib" | "main" => root = code,
                _ => modules.entry(name.to_owned()).or_default().push_str(&code),
            }
        }
        let circle = circle(&modules, &root);
        assert!(circle.is_empty(), "{member}: {circle:?} use each other");
    }
}

#[test]
fn a_circle_is_seen_through_groups_and_offers() {
    let root = "mod a;\nmod b;\npub use b::{Other, Thing};\n";
    let left = |a: &str| {
        let b = "use crate::{\n    a::{One, Two},\n    c,\n};\nfn f() {}";
        circle(&[("a".into(), a.into()), ("b".into(), b.into())].into(), root).len()
    };
    for a in ["use crate::Thing;", "fn f(it: crate::b::Thing) {}", "use crate::{c::{d, e}, b};"] {
        assert_eq!(left(a), 2, "{a}");
    }
    assert_eq!(left("use crate::c;"), 0);
}
