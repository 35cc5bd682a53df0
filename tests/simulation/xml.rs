//! As much XML as the model speaks. No element here holds one of its own name, and no attribute
//! holds a bare `>` or quote.

use jat_proxy::stanza::head::write_escaped;

/// The top-level elements of what a replica wrote.
pub fn split(mut text: &str) -> Vec<&str> {
    let mut elements = Vec::new();
    while let Some(start) = text.find('<') {
        text = &text[start..];
        let head = text.find('>').expect("a whole start tag") + 1;
        let end = if text[..head].ends_with("/>") {
            head
        } else {
            let name = text[1..head - 1].split(' ').next().expect("a name");
            let close = format!("</{name}>");
            text.find(&close).expect("a whole element") + close.len()
        };
        elements.push(&text[..end]);
        text = &text[end..];
    }
    elements
}

/// What follows the start tag of `element`.
pub fn content(element: &str) -> &str {
    &element[element.find('>').expect("a start tag") + 1..]
}

/// The value of an attribute of the first start tag of `xml`.
pub fn attribute(xml: &str, name: &str) -> Option<String> {
    let (_, value) = place(xml, name)?;
    if !value.contains('&') {
        return Some(value.to_owned());
    }
    let text = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    Some(text.replace("&apos;", "'").replace("&amp;", "&"))
}

/// `xml` with another value of an attribute that it has.
pub fn with_attribute(xml: &str, name: &str, value: &str) -> String {
    let (at, old) = place(xml, name).expect("an attribute to replace");
    [&xml[..at], &escaped(value), &xml[at + old.len()..]].concat()
}

/// For an attribute, as servers write it.
pub fn escaped(text: &str) -> String {
    let mut output = Vec::new();
    write_escaped(text, &mut output);
    String::from_utf8(output).unwrap()
}

/// Where the value of an attribute begins, and the value as it is written.
fn place<'x>(xml: &'x str, name: &str) -> Option<(usize, &'x str)> {
    let tag = &xml[..xml.find('>')?];
    let mut at = 0;
    loop {
        at += tag[at..].find('=')? + 2;
        let length = tag[at..].find(char::from(tag.as_bytes()[at - 1]))?;
        if tag[..at - 2].strip_suffix(name).is_some_and(|before| before.ends_with(' ')) {
            return Some((at, &tag[at..at + length]));
        }
        at += length;
    }
}
