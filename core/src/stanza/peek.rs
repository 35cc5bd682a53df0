//! A look into the few stanzas that are meant for us.

use quick_xml::Reader;
use quick_xml::events::Event;

/// An element found by its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name without prefix.
    pub name: String,
    /// The text directly in it.
    pub text: String,
}

/// The first element at `path`, which lists local names from the top-level element on; `*`
/// stands for any. What does not parse is not found.
pub fn find(stanza: &[u8], path: &[&str]) -> Option<Found> {
    let mut reader = Reader::from_str(str::from_utf8(stanza).ok()?);
    reader.config_mut().expand_empty_elements = true;
    // Levels that are open, and how many of them match the path from the top.
    let (mut open, mut matching) = (0, 0);
    let mut found: Option<Found> = None;
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                let name = tag.local_name();
                let name: &str = name.as_ref();
                if matching == open
                    && found.is_none()
                    && path.get(open).is_some_and(|p| matches(p, name))
                {
                    matching += 1;
                    if matching == path.len() {
                        found = Some(Found { name: name.to_owned(), text: String::new() });
                    }
                }
                open += 1;
            }
            Event::End(_) => {
                open -= 1;
                if found.is_some() && open < path.len() {
                    return found;
                }
                matching = matching.min(open);
            }
            Event::Text(text) if open == path.len() => {
                if let Some(found) = &mut found {
                    found.text.push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(reference) if open == path.len() => {
                if let Some(found) = &mut found {
                    let reference = format!("&{};", &*reference);
                    found.text.push_str(&quick_xml::escape::unescape(&reference).ok()?);
                }
            }
            Event::CData(text) if open == path.len() => {
                if let Some(found) = &mut found {
                    found.text.push_str(&text);
                }
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern == "*" || pattern == name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stanza: &str, path: &[&str]) -> Option<(String, String)> {
        find(stanza.as_bytes(), path).map(|f| (f.name, f.text))
    }

    fn some(name: &str, text: &str) -> Option<(String, String)> {
        Some((name.into(), text.into()))
    }

    #[test]
    fn elements_are_found_by_their_path_only() {
        let stanza = "<presence><x><show>away</show></x><show> d<y>z</y>n&#100;</show></presence>";
        assert_eq!(at(stanza, &["presence", "show"]), some("show", " dnd"));
        assert_eq!(at(stanza, &["presence", "status"]), None);
        assert_eq!(at(stanza, &["*", "x", "*"]), some("show", "away"));
        assert_eq!(at("<a/>", &["a"]), some("a", ""));
        assert_eq!(at("<a><b/>", &["a", "c"]), None);
    }

    #[test]
    fn the_condition_of_an_error_is_its_first_child() {
        let error = "<stream:error><host-unknown xmlns='urn:x'/><text>no <![CDATA[<such>]]></text></stream:error>";
        assert_eq!(at(error, &["*", "*"]), some("host-unknown", ""));
        assert_eq!(at(error, &["*", "text"]), some("text", "no <such>"));
    }
}
