//! jat-proxy.toml(5), from the commented configuration.
//!
//! The file is read the way people read it: `# ---- Title ---` begins a section, comments belong
//! to the key or table below them, an indented line of a comment stays as it is, and a key after a
//! `#` without a space shows its default. The page replaces the first paragraph with words of its
//! own.

use super::roff::Page;

/// The page for this commented configuration.
pub(super) fn page(example: &str) -> String {
    let about = "configuration of jat-proxy".replace('-', "\\-");
    let mut page = Page::new("jat-proxy.toml", 5, "File Formats", &about);
    page.section("Synopsis");
    page.paragraph("`/etc/jat-proxy/jat-proxy.toml`");
    page.section("Description");
    page.paragraph(
        "The configuration of jat-proxy(1), a TOML file, with every key that there is. A key \
         that has neither a default nor the word \"Required\" may be left out.",
    );
    for block in blocks(example).into_iter().skip(1) {
        match block {
            Block::Section(title) => page.section(title),
            Block::Text(comment) => tell(&mut page, &comment, false),
            Block::Table(line, comment) => {
                page.subsection(line);
                tell(&mut page, &comment, false);
            }
            Block::Key { name, value, is_default, comment } => {
                page.item(&format!("`{name}`"));
                tell(&mut page, &comment, true);
                let says = |word| comment.iter().any(|line| line.contains(word));
                // Where the comment names the default, the value is not the default.
                let is_default = is_default && !says("Default:") && !says(" example:");
                let word = if is_default { "Default" } else { "Example" };
                page.item_paragraph(&format!("{word}: `{value}`"));
            }
        }
    }
    page.written(REST);
    page.into_text()
}

/// A part of the file.
enum Block<'a> {
    Section(&'a str),
    /// A comment that belongs to nothing.
    Text(Vec<&'a str>),
    Table(&'a str, Vec<&'a str>),
    Key {
        name: &'a str,
        value: &'a str,
        is_default: bool,
        comment: Vec<&'a str>,
    },
}

fn blocks(example: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut comment = Vec::new();
    for line in example.lines() {
        if let Some(title) = line.strip_prefix("# ---- ") {
            blocks.push(Block::Section(title.trim_end_matches('-').trim_end()));
        } else if let Some(text) = line.strip_prefix("# ").or((line == "#").then_some("")) {
            comment.push(text);
        } else if let Some((name, value)) = line.split_once(" = ") {
            let is_default = name.starts_with('#');
            let name = name.trim_start_matches('#');
            let comment = std::mem::take(&mut comment);
            blocks.push(Block::Key { name, value, is_default, comment });
        } else if line.starts_with('[') || line.starts_with("#[") {
            let comment = std::mem::take(&mut comment);
            blocks.push(Block::Table(line.trim_start_matches('#'), comment));
        } else if !comment.is_empty() {
            // An empty line below a comment.
            blocks.push(Block::Text(std::mem::take(&mut comment)));
        }
    }
    blocks
}

/// A comment's paragraphs; the first of an item begins on the line of its tag.
fn tell(page: &mut Page, comment: &[&str], of_item: bool) {
    for (number, part) in parts(comment).into_iter().enumerate() {
        match part {
            Part::Text(text) if of_item && number == 0 => page.item_text(&text),
            Part::Text(text) if of_item => page.item_paragraph(&text),
            Part::Text(text) => page.paragraph(&text),
            Part::Verbatim(lines) => page.verbatim(of_item, &lines),
        }
    }
}

enum Part<'a> {
    Text(String),
    /// Lines that stay as they are.
    Verbatim(Vec<&'a str>),
}

fn parts<'a>(comment: &[&'a str]) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let mut goes_on = false;
    for line in comment.iter().copied() {
        let is_verbatim = line.starts_with(' ');
        match parts.last_mut() {
            Some(Part::Text(text)) if goes_on && !is_verbatim && !line.is_empty() => {
                text.push(' ');
                text.push_str(line);
            }
            Some(Part::Verbatim(lines)) if is_verbatim => lines.push(line),
            _ if is_verbatim => parts.push(Part::Verbatim(vec![line])),
            _ if line.is_empty() => (),
            _ => parts.push(Part::Text(line.to_owned())),
        }
        goes_on = !line.is_empty();
    }
    parts
}

const REST: &str = include_str!("configuration.roff");

#[cfg(test)]
mod tests {
    use super::super::EXAMPLE;
    use super::*;

    /// Each line of the file that is a key, however it is written.
    fn keys() -> impl Iterator<Item = &'static str> {
        let names = EXAMPLE.lines().filter_map(|line| line.split_once(" = "));
        let names = names.map(|(name, _)| name.trim_start_matches('#'));
        names.filter(|name| !name.contains(' ') && !name.is_empty())
    }

    #[test]
    fn every_key_and_every_table_is_in_it() {
        let text = page(EXAMPLE);
        assert!(keys().count() > 15);
        for key in keys() {
            let tag = format!("\n.TP\n\\fB{}\\fR\n", key.replace('-', "\\-"));
            assert!(text.contains(&tag), "{key}");
        }
        for table in ["[server]", "[[component]]", "[limits]", "[http]", "[log]"] {
            assert!(text.contains(&format!("\n.SS {table}\n")), "{table}");
        }
    }

    #[test]
    fn every_word_of_the_comments_is_in_it() {
        let text = page(EXAMPLE);
        // A backslash that is printed stays one.
        let text = ["\\fB", "\\fR"].iter().fold(text, |text, font| text.replace(font, ""));
        let text =
            text.split("\\e").map(|part| part.replace('\\', "")).collect::<Vec<_>>().join("\\");
        let words = |text: &str| -> Vec<String> {
            let text = text.replace('`', "");
            text.split_whitespace().map(ToOwned::to_owned).collect()
        };
        let said = words(&text).join(" ");
        let (_, example) = EXAMPLE.split_once("\n\n").expect("a first paragraph");
        for line in example.lines().filter(|line| !line.starts_with("# ----")) {
            let Some(comment) = line.strip_prefix("# ") else { continue };
            let comment = words(comment).join(" ");
            assert!(said.contains(&comment), "{comment}");
        }
    }

    #[test]
    fn a_comment_is_told_as_it_is_meant() {
        let text = page(
            "# A file.\n\n# Of the page.\n\n# ---- Mine ---\n\n# First,\n# still first:\n#   as  it is\n\
             # Then `bold`.\n#\n# Second.\n#a-key = 1\n\n# Of the table.\n[[t]]\n# Default: none.\n#b = \"x\"\n",
        );
        for part in [
            ".PP\nOf the page.\n.SH MINE\n.TP\n\\fBa\\-key\\fR\nFirst, still first:\n.IP\n.EX\n  as  it is\n.EE\n",
            ".IP\nThen \\fBbold\\fR.\n.IP\nSecond.\n.IP\nDefault: \\fB1\\fR\n",
            ".SS [[t]]\n.PP\nOf the table.\n.TP\n\\fBb\\fR\nDefault: none.\n.IP\nExample: \\fB\"x\"\\fR\n",
        ] {
            assert!(text.contains(part), "{part}\nin\n{text}");
        }
    }
}
