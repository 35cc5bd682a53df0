//! What each name key is for, in the same words wherever it is shown.

/// A line for each of the keys with these `ids`; the first of them makes names.
pub(crate) fn states(ids: impl Iterator<Item = u8>) -> impl Iterator<Item = String> {
    ids.enumerate().map(|(place, id)| match place {
        0 => format!("name key {id} makes names"),
        _ => format!("name key {id} only opens them"),
    })
}
