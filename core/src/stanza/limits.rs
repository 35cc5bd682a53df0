//! How large a stanza may be.

/// Limits on one stanza; one that exceeds them is skipped in constant memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes, in and out. Prosody cuts a component off above 512 KiB
    /// (docs/servers.md#stanza-limit).
    pub max_bytes: usize,
    /// Most bytes of one start tag. An implementing client that sends long ones back may be
    /// silenced by its own server (docs/servers.md#reparse-deferral).
    pub max_tag: usize,
    /// Most levels of nested elements, the stanza itself being the first.
    pub max_depth: usize,
    /// Most attributes of the stanza's own start tag.
    pub max_attributes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 500_000, max_tag: usize::MAX, max_depth: 128, max_attributes: 64 }
    }
}
