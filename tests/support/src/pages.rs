//! The blocks of code in the documents, for tests that run them.
//!
//! A block is fenced, or indented by four columns after an empty line, also in a list item.

use std::fs;

use crate::repository;

#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub document: String,
    /// The line of the document, from 1, in which the block's first line is.
    pub line: usize,
    /// The nearest heading above, without its `#`.
    pub heading: String,
    /// The text after the opening fence; empty for an indented block.
    pub language: String,
    /// Without fences and indentation; every line ends with a newline.
    pub text: String,
}

/// All blocks of a document, by its path from the repository's root.
pub fn blocks(document: &str) -> Vec<Block> {
    let path = repository().join(document);
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{document}: {error}"));
    parse(document, &text)
}

/// The only block in this language below this heading.
///
/// # Panics
/// When there is none, or more than one.
pub fn block(document: &str, heading: &str, language: &str) -> Block {
    let mut found = blocks(document);
    found.retain(|block| block.heading == heading && block.language == language);
    let count = found.len();
    assert_eq!(count, 1, "{document}: {language:?} blocks below {heading:?}");
    found.remove(0)
}

/// The first block in this language.
///
/// # Panics
/// When there is none.
pub fn first(document: &str, language: &str) -> Block {
    let mut found = blocks(document).into_iter();
    let first = found.find(|block| block.language == language);
    first.unwrap_or_else(|| panic!("{document} has no {language:?} block"))
}

fn parse(document: &str, text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = Vec::new();
    let mut heading = String::new();
    // The columns of the list items around this line.
    let mut margin = 0;
    let mut behind_empty = true;
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let indent = indent(line);
        let mut block = |from, language: &str, text| {
            let (document, heading, language) = (document.into(), heading.clone(), language.into());
            blocks.push(Block { document, line: from + 1, heading, language, text });
        };
        if line.trim().is_empty() {
            behind_empty = true;
            at += 1;
            continue;
        }
        if behind_empty && indent < margin {
            margin = 0;
        }
        if behind_empty && indent >= margin + 4 {
            let mut end = at;
            let inside = |line: &str| line.trim().is_empty() || self::indent(line) >= margin + 4;
            while end < lines.len() && inside(lines[end]) {
                end += 1;
            }
            while lines[end - 1].trim().is_empty() {
                end -= 1;
            }
            block(at, "", without_margin(&lines[at..end], margin + 4));
            at = end;
            continue;
        }
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let length = lines[at + 1..].iter().position(|line| line.trim() == "```");
            let length = length.unwrap_or_else(|| panic!("{document}:{}: never closed", at + 1));
            let body = &lines[at + 1..at + 1 + length];
            block(at + 1, language.trim(), without_margin(body, indent));
            at += length + 2;
            behind_empty = true;
            continue;
        }
        if let Some(title) = line.strip_prefix('#') {
            heading = title.trim_start_matches('#').trim().into();
            margin = 0;
        }
        if let Some(marker) = list_marker(line) {
            margin = indent + marker;
        }
        behind_empty = line.starts_with('#');
        at += 1;
    }
    blocks
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The width of `- ` or `12. ` where a list item begins.
fn list_marker(line: &str) -> Option<usize> {
    let line = line.trim_start_matches(' ');
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let behind = &line[digits..];
    match digits {
        0 => ["- ", "* "].iter().any(|it| behind.starts_with(it)).then_some(2),
        _ => behind.starts_with(". ").then_some(digits + 2),
    }
}

fn without_margin(lines: &[&str], margin: usize) -> String {
    lines.iter().map(|line| line.get(margin..).unwrap_or("").to_owned() + "\n").collect()
}

#[test]
fn blocks_are_found_fenced_and_indented_in_lists_too() {
    let text = "\
# One

Text
    that goes on.

    indented

    on

## Two
1. Do this:

       in an item
         deeper

   and this:

   ```lua
   fenced
     {}
   ```
2. Then
        no code, no empty line.

Behind the list:

```toml title
[a]
```
";
    let found: Vec<_> = parse("a.md", text)
        .into_iter()
        .map(|it| (it.line, it.heading, it.language, it.text))
        .collect();
    let expected = [
        (6, "One", "", "indented\n\non\n"),
        (13, "Two", "", "in an item\n  deeper\n"),
        (19, "Two", "lua", "fenced\n  {}\n"),
        (28, "Two", "toml title", "[a]\n"),
    ];
    let expected = expected.map(|(line, heading, language, text)| {
        (line, heading.to_owned(), language.to_owned(), text.to_owned())
    });
    assert_eq!(found, expected);
}
