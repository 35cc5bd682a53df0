//! Addresses of users and our own, in every spelling that a server lets through.

use core_tests::oracle;
use core_tests::twin::{Proxy, USER, assert_error, get, settings};
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::{Settings, TokenIn};
use jat_core::jat::traffic::USER_REQUEST;

#[test]
fn node_and_resource_are_served_and_answer_as_themselves() {
    let mut proxy = Proxy::new();
    for address in ["proxy.example/foo", "node@proxy.example", "node@proxy.example/res/x@y"] {
        let forwarded = proxy.forwarded(&get(USER, address, "7"));
        let bare = address.split('/').next().unwrap();
        assert!(forwarded.from.starts_with(&format!("{bare}/")), "{}", forwarded.from);
        let user = proxy.reverted(&forwarded.result());
        assert_eq!(user, format!("<iq type='result' id='7' to='{USER}' from='{address}'></iq>"));
        // A refusal comes from there too.
        let request = format!("<iq type='get' id='7' to='{address}' from='{USER}'/>");
        let head = format!("<iq type='error' id='7' to='{USER}' from='{address}'>");
        proxy.refused(&request, &head, "bad-request", USER_REQUEST, Reason::ChildCount);
    }
}

#[test]
fn capitals_are_served_from_the_configured_domain() {
    let mut proxy = Proxy::new();
    for (to, asked, answers) in [
        ("PROXY.Example", "proxy.example", "proxy.example"),
        ("NoDe@PROXY.example/Res", "NoDe@proxy.example", "NoDe@proxy.example/Res"),
        ("ｐroxy.example", "proxy.example", "proxy.example"),
        ("proxy.example.", "proxy.example", "proxy.example"),
    ] {
        let mut forwarded = proxy.forwarded(&get(USER, to, "7"));
        assert!(forwarded.from.starts_with(&format!("{asked}/")), "{}", forwarded.from);
        // The client and the server may spell both addresses differently.
        forwarded.to = forwarded.to.replace("service@some", "SERVICE@Some");
        forwarded.from = forwarded.from.replace("NoDe@proxy", "nOdE@pRoXy");
        let user = proxy.reverted(&forwarded.result());
        assert_eq!(
            oracle::attribute(&user, "from").unwrap().to_lowercase(),
            answers.to_lowercase()
        );
        assert!(!user.contains("pRoXy"), "{user}");
    }
}

#[test]
fn address_of_3071_bytes_does_not_fit_a_token() {
    let mut proxy = Proxy::new();
    let [node, domain, resource] = ["n", "d", "r"].map(|c| c.repeat(1023));
    let user = format!("{node}@{domain}/{resource}");
    let head = format!("<iq type='error' id='7' to='{user}' from='proxy.example'>");
    let request = get(&user, "proxy.example", "7");
    proxy.refused(&request, &head, "policy-violation", USER_REQUEST, Reason::TooLong);
}

#[test]
fn the_longest_token_has_1023_characters() {
    // 611 bytes of user, resource and id.
    let mut proxy = Proxy::new();
    for (node, id, resource) in [(571, 1, 20), (500, 72, 20), (591, 1, 0)] {
        let user = format!("{}@s.example/{}", "n".repeat(node), "é".repeat(4));
        let (id, resource) = ("i".repeat(id), "r".repeat(resource));
        assert_eq!(user.len() + id.len() + resource.len(), 611);
        let to = if resource.is_empty() {
            "proxy.example".into()
        } else {
            format!("proxy.example/{resource}")
        };
        let forwarded = proxy.forwarded(&get(&user, &to, &id));
        assert_eq!(forwarded.token().len(), 1023);
        let reverted = proxy.reverted(&forwarded.result());
        assert_eq!(reverted, format!("<iq type='result' id='{id}' to='{user}' from='{to}'></iq>"));
        let head = format!("<iq type='error' id='{id}' to='n{user}' from='{to}'>");
        let longer = get(&format!("n{user}"), &to, &id);
        proxy.refused(&longer, &head, "policy-violation", USER_REQUEST, Reason::TooLong);
    }
}

#[test]
fn the_users_address_fits_a_resource_when_the_token_is_the_id() {
    let mut proxy = Proxy::with(Settings { token_in: TokenIn::Id, ..settings() });
    let user = |length: usize| format!("u@s.example/{}", "r".repeat(length - 12));
    let forwarded = proxy.forwarded(&get(&user(610), "n@proxy.example", "7"));
    assert_eq!(forwarded.from, format!("n@proxy.example/{}", user(610)));
    assert_eq!(forwarded.id.len(), 1023);
    assert!(proxy.reverted(&forwarded.result()).contains(&user(610)));
    for too_long in [611, 1023, 1024] {
        let user = user(too_long);
        let head = format!("<iq type='error' id='7' to='{user}' from='proxy.example'>");
        let request = get(&user, "proxy.example", "7");
        proxy.refused(&request, &head, "policy-violation", USER_REQUEST, Reason::TooLong);
    }
}

#[test]
fn resources_of_every_kind_come_back_exactly() {
    let mut proxy = Proxy::new();
    let long = "r".repeat(585);
    for resource in [
        "a b",
        "/",
        "a/b",
        "@",
        "a@b/c@d",
        "'\"",
        "<&>",
        "&amp;",
        "😀",
        "\u{5e9}\u{5dc}\u{202e}",
        "'><iq/>",
        "\t",
        &long,
    ] {
        let user = format!("u@some.domain/{resource}");
        let forwarded = proxy.forwarded(&get(&user, "proxy.example", "7"));
        let reply = proxy.reverted(&forwarded.result());
        assert_eq!(oracle::attribute(&reply, "to").unwrap(), user);
        // And as the resource that the user wrote to.
        if resource.len() < 500 {
            let to = format!("proxy.example/{resource}");
            let forwarded = proxy.forwarded(&get(USER, &to, "7"));
            let reply = proxy.reverted(&forwarded.result());
            assert_eq!(oracle::attribute(&reply, "from").unwrap(), to);
        }
    }
    let user = format!("u@some.domain/{}", "r".repeat(1023));
    let head = format!("<iq type='error' id='7' to='{user}' from='proxy.example'>");
    let request = get(&user, "proxy.example", "7");
    proxy.refused(&request, &head, "policy-violation", USER_REQUEST, Reason::TooLong);
    proxy.still_serves();
}

#[test]
fn a_look_alike_of_our_domain_is_another_domain() {
    let mut proxy = Proxy::new();
    for to in [
        "proxy.example.org",
        "xproxy.example",
        "prоxy.example",
        "proxy。example.org",
        "",
        "@",
        "/",
        "a@b@proxy.example",
        "proxy.example@x",
        "xn--prxy-jye.example",
        " proxy.example",
        "proxy.example ",
        "proxy.example:5347",
        "[proxy.example]",
    ] {
        proxy.silent(get(USER, to, "7"), USER_REQUEST, Reason::NotOurDomain);
    }
    // Only we send from our domain; a user of a look-alike domain is just a user.
    for from in ["proxy.example", "PROXY.example/x", "n@proxy.example", "proxy.example/../"] {
        proxy.silent(get(from, "proxy.example", "7"), USER_REQUEST, Reason::OwnAddress);
    }
    for from in ["prоxy.example", "x@proxy.example.org/proxy.example", "proxy.example@x/y"] {
        let forwarded = proxy.forwarded(&get(from, "proxy.example", "7"));
        let reply = proxy.reverted(&forwarded.result());
        assert_eq!(oracle::attribute(&reply, "to").unwrap(), from);
    }
}

#[test]
fn no_address_that_we_write_ends_a_stream_on_prosody() {
    // An empty node or resource, another spelling of the domain.
    let mut proxy = Proxy::new();
    for (to, from) in [
        ("@proxy.example", "proxy.example"),
        ("proxy.example/", "proxy.example"),
        ("@PROXY.example/", "proxy.example"),
        ("proxy.example//", "proxy.example//"),
        ("proxy.example/ ", "proxy.example/ "),
        ("proxy.example/../", "proxy.example/../"),
    ] {
        let forwarded = proxy.forwarded(&get(USER, to, "7"));
        assert!(forwarded.from.starts_with("proxy.example/"), "{}", forwarded.from);
        let reply = proxy.reverted(&forwarded.result());
        assert_eq!(oracle::attribute(&reply, "from").unwrap(), from);
        let request = format!("<iq type='get' id='7' to='{to}' from='{USER}'/>");
        let answer = proxy.exchange(request).out.pop().unwrap();
        assert_error(
            &answer,
            &format!("<iq type='error' id='7' to='{USER}' from='{from}'>"),
            "bad-request",
        );
    }
}
