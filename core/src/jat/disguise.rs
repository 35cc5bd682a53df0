//! What users see instead of the target's own address, where its server writes it.

use std::sync::Arc;

use super::address::{Address, normal_resource};
use super::alias::{self, Holder};
use super::name_keys::NameKeys;

/// The face as which one user sees the target.
#[derive(Clone, Debug)]
pub struct Disguise<'t> {
    pub holder: Holder<'t>,
    pub names: Arc<NameKeys>,
}

impl<'t> Disguise<'t> {
    /// The bare address to hide.
    pub fn account(&self) -> &'t str {
        self.holder.target
    }

    /// If `text` is the target's address, appends the replacement: the face, with the alias if there is a
    /// resource. Returns whether it is.
    pub fn replace(&self, text: &str, output: &mut String) -> bool {
        let address = Address::new(text);
        if !is_bare(&address, self.account()) {
            return false;
        }
        output.push_str(self.holder.face);
        if let Some(resource) = address.resource() {
            let bare = output.len();
            output.push('/');
            let resource = normal_resource(resource);
            if alias::write(self.names.first(), &self.holder, &resource, output).is_err() {
                output.truncate(bare);
            }
        }
        true
    }
}

/// Whether the bare address is `account`, as [`Address::is_bare`] says. Most texts are not
/// addresses, and finding the normal form takes longer than everything else.
fn is_bare(address: &Address<'_>, account: &str) -> bool {
    let bare = address.bare();
    // An A-label has a different normal form.
    if !bare.is_ascii() || bare.contains("--") {
        return address.is_bare(account);
    }
    bare.strip_suffix('.').unwrap_or(bare).eq_ignore_ascii_case(account)
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::super::name_keys::NameKey;
    use super::*;

    #[test]
    fn the_target_is_seen_as_its_face() {
        let secret = Zeroizing::new(b"jat-proxy demo key, never use it".to_vec());
        let names = NameKeys::new(vec![NameKey::new(1, &secret).unwrap()]).unwrap();
        let holder =
            Holder { face: "proxy.domain.example", target: "some-user@some-domain.example" };
        let disguise = Disguise { holder, names: Arc::new(names) };
        let seen = |text: &str| {
            let mut output = String::new();
            disguise.replace(text, &mut output).then_some(output)
        };
        let alias = "proxy.domain.example/aebac3ix2ne3gasfu5a37hu6fj3cl4pn";
        for (text, wanted) in [
            ("some-user@some-domain.example", "proxy.domain.example"),
            ("some-user@some-domain.example/", "proxy.domain.example"),
            ("SOME-user@Some-Domain.example./a", alias),
            ("some-user@some-domain.example/a", alias),
        ] {
            assert_eq!(seen(text).as_deref(), Some(wanted), "{text}");
        }
        let long = format!("some-user@some-domain.example/{}", "r".repeat(621));
        assert_eq!(seen(&long).as_deref(), Some("proxy.domain.example"));
        for other in ["", "some-domain.example", "user@some-domain.example/a", "x some-user@y"] {
            assert_eq!(seen(other), None, "{other}");
        }
    }
    #[test]
    fn the_quick_check_agrees_with_the_normal_form() {
        for account in ["service@some.example", "some.example", "a--b.example", "é@ö.example"] {
            for node in ["", "service@", "SERVICE@", "é@", "É@", "@", "ser\u{ad}vice@", "ｓervice@"]
            {
                for domain in [
                    "some.example",
                    "SOME.example.",
                    "some.example..",
                    "A--b.example",
                    "xn--nda.example",
                ] {
                    let text = format!("{node}{domain}");
                    let address = Address::new(&text);
                    let normal = address.normal_bare();
                    assert_eq!(is_bare(&address, account), normal == account, "{text}");
                }
            }
        }
    }
}
