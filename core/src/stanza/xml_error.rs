//! What no server may send.

/// What ends a stream: bytes that no server may send (RFC 6120 sections 4.9.3 and 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    #[error("bytes that are not UTF-8")]
    Utf8,
    #[error("a character that XML forbids")]
    Character,
    #[error("a comment")]
    Comment,
    #[error("a processing instruction")]
    ProcessingInstruction,
    #[error("a document type declaration")]
    Doctype,
    #[error("an entity that XMPP does not define")]
    Entity,
    #[error("a broken tag")]
    Tag,
    #[error("an end tag that matches no start tag")]
    EndTag,
    #[error("text between stanzas")]
    Text,
    #[error("a second stream header")]
    SecondHeader,
}
