//! Every link of a document leads somewhere: the file is there, and has the heading. Every page is in
//! the table of contents.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::claims;

#[test]
fn every_relative_link_leads_somewhere() {
    let mut dead = Vec::new();
    let mut seen = 0;
    for document in claims::documents() {
        let text = fs::read_to_string(&document).unwrap();
        for (line, target) in links(&text).filter(|(_, target)| !target.contains("://")) {
            seen += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = match file {
                "" => PathBuf::from(&document),
                file => resolve(&Path::new(&document).with_file_name(file)),
            };
            let leads = path.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&path).unwrap()).any(|it| it == anchor));
            if !leads {
                dead.push(format!("{document}:{line}: {target}"));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
    assert!(seen > 30, "{seen} links");
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let contents = fs::read_to_string("docs/README.md").unwrap();
    let named: Vec<_> = links(&contents)
        .map(|(_, target)| resolve(&Path::new("docs").join(target.split('#').next().unwrap())))
        .collect();
    let pages = claims::documents().into_iter().map(PathBuf::from);
    let pages = pages.filter(|it| it.starts_with("docs") && !it.ends_with("docs/README.md"));
    let missing: Vec<_> = pages.filter(|it| !named.contains(it)).collect();
    assert!(missing.is_empty(), "not in docs/README.md: {missing:?}");
}

/// The line and the target of each `[text](target)` outside of code.
fn links(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut code = false;
    text.lines().enumerate().flat_map(move |(at, line)| {
        code ^= line.trim_start().starts_with("```");
        let pieces = if code { "" } else { line }.split("](").skip(1);
        pieces
            .filter_map(|it| it.split_once(')'))
            .map(|(to, _)| (at + 1, to.to_owned()))
            .collect::<Vec<_>>()
    })
}

/// `a/../b` is `b`.
fn resolve(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(resolved.pop(), "{}", path.display()),
            Component::CurDir => {}
            part => resolved.push(part),
        }
    }
    resolved
}

/// The anchors of headings as on GitHub: lower case, no punctuation, a hyphen for each space.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

#[test]
fn links_and_anchors_are_read_as_a_browser_would() {
    let text = "see [a](b.md#c) and [d](e)\n```\n[no](f)\n```\n[g](h)";
    let found: Vec<_> = links(text).collect();
    assert_eq!(found, [(1, "b.md#c".into()), (1, "e".into()), (5, "h".into())]);
    let found: Vec<_> = anchors("# `a-b` = \"c\"\n## 3. Accept the X").collect();
    assert_eq!(found, ["a-b--c", "3-accept-the-x"]);
}
