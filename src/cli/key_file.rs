//! Edits of `[[key]]` and `[[name-key]]` tables in the text of a file; comments and everything else
//! stay.

use base64ct::{Base64, Encoding};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};
use zeroize::Zeroizing;

use crate::time::show_moment;

/// `text` with one more key; without `not_before` it signs at once.
pub(super) fn add(
    text: &str,
    id: u8,
    secret: &[u8; 32],
    not_before: Option<u64>,
) -> Result<String, EditError> {
    append(text, "key", id, secret, not_before)
}

/// `text` with one more name key, after those that are there.
pub(super) fn add_name_key(text: &str, id: u8, secret: &[u8; 32]) -> Result<String, EditError> {
    append(text, "name-key", id, secret, None)
}

fn append(
    text: &str,
    name: &str,
    id: u8,
    secret: &[u8; 32],
    not_before: Option<u64>,
) -> Result<String, EditError> {
    let mut document: DocumentMut = text.parse().map_err(|_| EditError::Syntax)?;
    let keys = document.entry(name).or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let keys = keys.as_array_of_tables_mut().ok_or(EditError::Shape)?;
    let mut key = Table::new();
    let encoded = Zeroizing::new(Base64::encode_string(secret));
    key["id"] = value(i64::from(id));
    key["secret"] = value(encoded.as_str());
    if let Some(at) = not_before {
        key["not-before"] = value(show_moment(at));
    }
    if !text.is_empty() {
        key.decor_mut().set_prefix("\n");
    }
    keys.push(key);
    Ok(document.to_string())
}

/// `text` without the keys that have one of `ids`. The comment right above a key goes with it.
pub(super) fn remove(text: &str, ids: &[u8]) -> Result<String, EditError> {
    let mut document: DocumentMut = text.parse().map_err(|_| EditError::Syntax)?;
    let keys = document.get_mut("key").and_then(Item::as_array_of_tables_mut);
    let keys = keys.ok_or(EditError::Shape)?;
    let goes = |key: &Table| {
        let id = key.get("id").and_then(Item::as_integer).and_then(|id| u8::try_from(id).ok());
        id.is_some_and(|id| ids.contains(&id))
    };
    // A comment above a removed key that is about the file.
    let mut kept = String::new();
    let mut index = 0;
    while let Some(key) = keys.get_mut(index) {
        let above = key.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
        if goes(key) {
            kept.push_str(about_the_file(above));
            keys.remove(index);
        } else {
            if !kept.is_empty() {
                let above = std::mem::take(&mut kept) + above.trim_start_matches('\n');
                key.decor_mut().set_prefix(above);
            }
            index += 1;
        }
    }
    Ok(document.to_string() + &kept)
}

/// The comments above a key that an empty line separates from its own.
fn about_the_file(above: &str) -> &str {
    let comments = above.rfind("\n\n").map_or("", |at| &above[..at + 2]);
    if comments.trim().is_empty() { "" } else { comments }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EditError {
    #[error("it would no longer be TOML")]
    Syntax,
    #[error("its keys are not [[key]] or [[name-key]] tables: write them as such")]
    Shape,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "# About the file.\n\n# The first.\n[[key]]\nid = 1 # one\nsecret = \"x\"\n\n\
                       # The second.\n[[key]]\nid = 2\nsecret = \"y\"\n\n# The end.\n";

    #[test]
    fn a_key_is_added_and_the_rest_stays() {
        let text = add(TWO, 3, &[0; 32], Some(1_800_000_000)).unwrap();
        let key = "\n[[key]]\nid = 3\nsecret = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n\
                   not-before = \"2027-01-15T08:00:00Z\"\n";
        assert!(text.contains(key), "{text}");
        assert_eq!(text.replace(key, ""), TWO);
        let only = add("", 1, &[0; 32], None).unwrap();
        assert!(only.starts_with("[[key]]\nid = 1\nsecret ="), "{only}");
        assert_eq!(add("key = 1", 1, &[0; 32], None), Err(EditError::Shape));
    }

    #[test]
    fn keys_in_the_configuration_itself_stay_together() {
        let text = "a = 1\n[[key]]\nid = 1\n[log]\nb = 2\n";
        let added = add(text, 2, &[0; 32], None).unwrap();
        assert!(added.find("id = 2") < added.find("[log]"), "{added}");
    }

    #[test]
    fn a_name_key_is_added_behind_the_others() {
        let one = add_name_key(TWO, 1, &[0; 32]).unwrap();
        let two = add_name_key(&one, 2, &[1; 32]).unwrap();
        let name_key = |id, secret| {
            format!("\n[[name-key]]\nid = {id}\nsecret = \"{}\"\n", Base64::encode_string(secret))
        };
        let (first, second) = (name_key(1, &[0; 32]), name_key(2, &[1; 32]));
        assert!(two.find(&first).unwrap() < two.find(&second).unwrap(), "{two}");
        assert_eq!(two.replace(&first, "").replace(&second, ""), TWO);
        // Also between the keys that sign, and whatever follows.
        let mixed = "[[name-key]]\nid = 1\n[[key]]\nid = 1\n[log]\nb = 2\n";
        let two = add_name_key(mixed, 2, &[1; 32]).unwrap();
        assert!(two.contains(&second) && two.ends_with("[log]\nb = 2\n"), "{two}");
        assert_eq!(add_name_key("name-key = 1", 1, &[0; 32]), Err(EditError::Shape));
    }

    #[test]
    fn name_keys_stay_when_a_key_goes() {
        let text = add_name_key(TWO, 1, &[0; 32]).unwrap();
        let left = remove(&text, &[1]).unwrap();
        assert!(left.contains("[[name-key]]\nid = 1\n"), "{left}");
        assert!(!left.contains("# The first."), "{left}");
    }

    #[test]
    fn a_key_goes_with_its_own_comment() {
        let text = remove(TWO, &[1]).unwrap();
        assert_eq!(
            text,
            "# About the file.\n\n# The second.\n[[key]]\nid = 2\nsecret = \"y\"\n\n# The end.\n"
        );
        let text = remove(TWO, &[2]).unwrap();
        assert!(text.contains("# The first.") && text.contains("# The end."), "{text}");
        assert!(!text.contains("id = 2"), "{text}");
        assert!(remove(TWO, &[1, 2]).unwrap().contains("# About the file."));
    }
}
