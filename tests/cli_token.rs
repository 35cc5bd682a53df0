//! `jat-proxy token`, the real program on real tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use jat_proxy::config;
use jat_proxy::jat::token::{self, Binding, Claims};
use test_support::folder::Folder;

#[test]
fn a_token_is_read_and_verified() {
    let folder = Folder::ready();
    let (config, _) = config::load(&folder.path("jat-proxy.toml"), now()).unwrap();
    let claims = Claims::new("user@some.example/abc", "", "12\u{1b}34").unwrap();
    let binding = Binding { asked: "node@proxy.example", peer: "bot@some.example/a" };
    let token = token::seal(config.keyring.signing(now()), &claims, now() + 600, &binding);
    let address = format!("Node@proxy.example/{token}");

    for plain in [&address, &token] {
        let out = folder.run_plain(&["token", "inspect", plain]);
        assert_eq!(out.code, 0);
        assert!(out.out.starts_with("version   1\nkind      1 (IQ)\nkey       1\nexpires   20"));
        assert!(out.out.contains("(in 9m 5") || out.out.contains("(in 10m"), "{}", out.out);
        assert!(
            out.out.ends_with(
                "user      user@some.example/abc\nresource  (none)\nid        12\\u{1b}34\n"
            ),
            "{}",
            out.out
        );
    }

    let last = |arguments: &[&str]| {
        let out = folder.run(arguments);
        (out.code, out.out.lines().last().unwrap().to_owned())
    };
    let (code, told) = last(&["token", "inspect", &address]);
    assert!(code == 0 && told.starts_with("verifies  unknown: "), "{told}");
    assert_eq!(
        last(&["token", "inspect", &address, "--peer", "Bot@some.example/a"]),
        (0, "verifies  yes, for node@proxy.example and bot@some.example/a".to_owned())
    );
    let refused = "verifies  no: not signed for this pair of addresses with this key".to_owned();
    let peer = "bot@some.example/b";
    assert_eq!(last(&["token", "inspect", &address, "--peer", peer]), (65, refused.clone()));
    let bare = (65, refused.clone() + "; --peer is a full address, with its resource");
    assert_eq!(last(&["token", "inspect", &address, "--peer", "bot@some.example"]), bare);
    // A bare token is taken for one of our domains; this one belongs to an address with a node.
    let peer = "bot@some.example/a";
    let (code, told) = last(&["token", "inspect", &token, "--peer", peer]);
    assert!(code == 65 && told.contains("give that address with the token"), "{told}");
}

#[test]
fn what_is_no_token_ends_with_65_and_the_reason() {
    let folder = Folder::new();
    let long = "a".repeat(60);
    for (text, reason) in [
        ("proxy.example", "not of a token's length"),
        ("proxy.example/abc", "not of a token's length"),
        (&*long, "not a version that this program knows"),
        (&*long.to_uppercase(), "not canonical lower-case base32"),
    ] {
        let out = folder.run_plain(&["token", "inspect", text]);
        assert_eq!((out.code, out.out.as_str()), (65, ""));
        assert_eq!(
            out.err,
            format!("error: this is not a token, a mirror or an alias: {reason}\n"),
            "{text}"
        );
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
