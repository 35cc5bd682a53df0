//! Aliases: the resources of the target as users see them, each sealed and the same each time.

use super::name_keys::{NameKey, NameKeys};

/// Most bytes of a resource that has an alias: as many as 1,023 characters of base32 have room for.
pub const MAX_RESOURCE_BYTES: usize = 620;

/// What an alias is bound to, in normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder<'a> {
    /// The bare address of the face.
    pub face: &'a str,
    /// The bare address of the target.
    pub target: &'a str,
}

/// The resource has more than [`MAX_RESOURCE_BYTES`], or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a resource of {bytes} bytes has no alias, only one of 1 to {MAX_RESOURCE_BYTES} has")]
pub struct NoAlias {
    pub bytes: usize,
}

/// Appends the alias of the target's `resource`, in normal form, under `key`.
pub fn write(
    key: &NameKey,
    holder: &Holder<'_>,
    resource: &str,
    output: &mut String,
) -> Result<(), NoAlias> {
    let _ = (key, holder, resource, output);
    todo!()
}

/// Appends the resource that `alias` stands for to `output`, and gives the id of its key; `None`
/// for what is no alias of this holder's under a key of the ring, whatever the cause.
pub fn open(keys: &NameKeys, holder: &Holder<'_>, alias: &str, output: &mut String) -> Option<u8> {
    let _ = (keys, holder, alias, output);
    todo!()
}
