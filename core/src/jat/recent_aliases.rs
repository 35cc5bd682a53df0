//! The most recent aliases: making one takes longer than the rest of the work on a stanza of the
//! target, and the target has few resources.

use super::alias::{self, Holder, NoAlias};
use super::name_keys::NameKey;

/// The aliases of one target under one key.
#[derive(Debug, Default)]
pub(super) struct RecentAliases {
    entries: Vec<Entry>,
    /// The entry to replace next.
    oldest: usize,
}

#[derive(Debug, Default)]
struct Entry {
    face: String,
    resource: String,
    alias: String,
}

impl RecentAliases {
    /// Appends the alias of a resource, as [`alias::write`] does. The target and the key are the same
    /// each time.
    pub(super) fn write(
        &mut self,
        key: &NameKey,
        holder: &Holder<'_>,
        resource: &str,
        output: &mut String,
    ) -> Result<(), NoAlias> {
        let is_it = |entry: &&Entry| entry.resource == resource && entry.face == holder.face;
        if let Some(entry) = self.entries.iter().find(is_it) {
            output.push_str(&entry.alias);
            return Ok(());
        }
        let start = output.len();
        alias::write(key, holder, resource, output)?;
        if self.entries.len() < MOST {
            self.entries.push(Entry::default());
        }
        let entry = &mut self.entries[self.oldest];
        for (kept, text) in [
            (&mut entry.face, holder.face),
            (&mut entry.resource, resource),
            (&mut entry.alias, &output[start..]),
        ] {
            kept.clear();
            kept.push_str(text);
        }
        self.oldest = (self.oldest + 1) % MOST;
        Ok(())
    }
}

/// More than nearly all targets have resources, and faces in use.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn an_alias_is_the_same_whether_it_was_kept_or_not() {
        let key = NameKey::new(1, &Zeroizing::new(vec![1; 32])).unwrap();
        let mut recent = RecentAliases::default();
        let faces = ["d.example", "a@d.example", "b@d.example"];
        // Some that are kept, and then more than fit.
        for resources in [3, 3, 2 * MOST, 3, 1] {
            for resource in (0..resources).map(|n| n.to_string()) {
                for face in faces {
                    let holder = Holder { face, target: "t@s.example" };
                    let (mut kept, mut made) = ("x".to_owned(), "x".to_owned());
                    recent.write(&key, &holder, &resource, &mut kept).unwrap();
                    alias::write(&key, &holder, &resource, &mut made).unwrap();
                    assert_eq!(kept, made);
                }
            }
            assert!(recent.entries.len() <= MOST);
        }
        let holder = Holder { face: faces[0], target: "t@s.example" };
        let mut output = String::new();
        assert!(recent.write(&key, &holder, "", &mut output).is_err());
        assert_eq!(output, "");
    }
}
