//! The target's own address in what its server wrote, and what users read in its place.

use super::address::{Address, normal_resource};
use super::alias::Holder;

/// If `value` is the address of the target or of one of its resources, in any spelling, appends
/// that of the face: its bare address, and the resource that `alias` appends for the target's, in
/// normal form. Where that says no, there is none.
pub fn replace(
    value: &str,
    holder: &Holder<'_>,
    alias: impl FnOnce(&str, &mut String) -> bool,
    output: &mut String,
) -> bool {
    let address = Address::new(value);
    if !is_target(&address, holder.target) {
        return false;
    }
    output.push_str(holder.face);
    if let Some(resource) = address.resource() {
        let bare = output.len();
        output.push('/');
        if !alias(&normal_resource(resource), output) {
            output.truncate(bare);
        }
    }
    true
}

/// Whether it is at the target. Most values of attributes are no addresses at all, and to bring
/// one to its normal form takes longer than all else.
fn is_target(address: &Address<'_>, target: &str) -> bool {
    let bare = address.bare();
    // An A-label has another normal form.
    if !bare.is_ascii() || bare.contains("--") {
        return address.is_bare(target);
    }
    bare.strip_suffix('.').unwrap_or(bare).eq_ignore_ascii_case(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(value: &str, target: &str) -> Option<String> {
        let holder = Holder { face: "helper@proxy.example", target };
        let mut output = String::new();
        let alias = |resource: &str, output: &mut String| {
            output.push_str("no ");
            output.push_str(resource);
            resource != "long"
        };
        replace(value, &holder, alias, &mut output).then_some(output)
    }

    #[test]
    fn every_spelling_of_the_target_and_its_resources_is_replaced() {
        for (value, wanted) in [
            ("service@some.example", "helper@proxy.example"),
            ("service@some.example/", "helper@proxy.example"),
            ("SERVICE@Some.example./A", "helper@proxy.example/no A"),
            ("ＳＥＲＶＩＣＥ@some.example/Å", "helper@proxy.example/no Å"),
            ("service@some.example/a@b/c", "helper@proxy.example/no a@b/c"),
            ("service@some.example/long", "helper@proxy.example"),
        ] {
            assert_eq!(replaced(value, "service@some.example").as_deref(), Some(wanted), "{value}");
        }
        for value in [
            "",
            "some.example",
            "service",
            "service@some.example.org",
            "x-service@some.example/a",
            "xmpp:service@some.example",
            " service@some.example",
            "service@@some.example",
            "http://some.example/caps",
        ] {
            assert_eq!(replaced(value, "service@some.example"), None, "{value}");
        }
    }

    #[test]
    fn a_target_without_a_node_is_its_domain_alone() {
        let target = "bücher.example";
        for value in ["BÜCHER.example", "xn--bcher-kva.example.", "bücher.example/r"] {
            assert!(replaced(value, target).is_some(), "{value}");
        }
        for value in ["user@bücher.example", "www.bücher.example", "bücher", "bcher-kva.example"]
        {
            assert_eq!(replaced(value, target), None, "{value}");
        }
    }

    /// The quick comparison against the one of addresses.
    #[test]
    fn the_quick_way_says_what_the_normal_form_says() {
        for target in ["service@some.example", "some.example", "a--b.example", "é@ö.example"] {
            for node in ["", "service@", "SERVICE@", "é@", "É@", "@", "service\u{ad}@"] {
                for domain in
                    ["some.example", "SOME.example.", "some.example..", "A--b.example", "ö.example"]
                {
                    let value = format!("{node}{domain}");
                    let address = Address::new(&value);
                    assert_eq!(
                        is_target(&address, target),
                        address.normal_bare() == target,
                        "{value}"
                    );
                }
            }
        }
    }
}
