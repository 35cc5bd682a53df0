//! Why a stream ended.

use crate::stanza::peek;
use crate::stanza::xml_error::XmlError;

/// The end of a stream, as the session sees it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// RFC 6120 section 4.9.
    #[error("the server ended the stream: {condition}{}", quoted(text))]
    StreamError { condition: String, text: Option<String> },
    /// The same, caused by a stanza of this many bytes.
    #[error(
        "the server ended the stream: {condition}{}, right after a stanza of {bytes} bytes, the \
         largest on this stream",
        quoted(text)
    )]
    TooLarge { condition: String, text: Option<String>, bytes: usize },
    #[error("the server closed the stream")]
    Closed,
    #[error("the server sent {0}")]
    Broken(#[from] XmlError),
    #[error("the server has processed nothing for 30 s")]
    Silent,
    #[error("the server did not read for 30 s")]
    Stalled,
}

impl Ending {
    /// Reads a `<stream:error/>`.
    pub fn from_stream_error(element: &[u8]) -> Self {
        let condition = peek::find(element, &["*", "*"]);
        // see-other-host contains the address itself (RFC 6120 section 4.9.3.19).
        let texts = [peek::find(element, &["*", "text"]), condition.clone()];
        let mut texts = texts.into_iter().flatten().map(|t| shortened(t.text.trim_ascii()));
        Self::StreamError {
            condition: condition
                .map_or_else(|| "undefined-condition".to_owned(), |c| shortened(&c.name)),
            text: texts.find(|t| !t.is_empty()),
        }
    }

    /// The same, if the last stanza that the server may not have read completely has so many bytes, more
    /// than any before it: servers give no clearer sign that it is over their limit
    /// (docs/servers.md#own-limit).
    pub fn behind(self, largest: Option<usize>) -> Self {
        match (self, largest) {
            (Self::StreamError { condition, text }, Some(bytes))
                if matches!(&*condition, "policy-violation" | "not-well-formed") =>
            {
                Self::TooLarge { condition, text, bytes }
            }
            (ending, _) => ending,
        }
    }
}

/// As much as fits into a line of the log.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

fn quoted(text: &Option<String>) -> String {
    text.as_ref().map_or_else(String::new, |text| format!(" ({text:?})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_error_is_read_whatever_it_holds() {
        let say = |xml: &str| Ending::from_stream_error(xml.as_bytes()).to_string();
        assert_eq!(
            say("<stream:error><conflict xmlns='x'/><text>a\nb</text></stream:error>"),
            "the server ended the stream: conflict (\"a\\nb\")"
        );
        let long =
            format!("<stream:error><reset/><text>{}</text></stream:error>", "x".repeat(9_000));
        assert_eq!(say(&long).len(), "the server ended the stream: reset (\"\")".len() + 200);
        assert_eq!(
            say("<stream:error><see-other-host>a.example:1</see-other-host></stream:error>"),
            "the server ended the stream: see-other-host (\"a.example:1\")"
        );
        assert_eq!(say("<stream:error/>"), "the server ended the stream: undefined-condition");
        assert_eq!(
            say("<stream:error><x:own/></stream:error>"),
            "the server ended the stream: own"
        );
    }
}
