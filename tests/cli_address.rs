//! `jat-proxy address`, and `jat-proxy token inspect` of mirrors and aliases: the real program.

use core_tests::address_vectors::{self, keys};
use jat_proxy::jat::alias::{self, Holder};
use test_support::folder::Folder;

/// A component that relays everything, with the key and the names of the golden vectors.
fn folder() -> Folder {
    let folder = Folder::new();
    let ring = folder.read("keys.toml") + "\n[[name-key]]\nid = 1\nsecret = \"" + SECRET + "\"\n";
    folder.write("keys.toml", &ring);
    folder.write("jat-proxy.toml", CONFIG);
    folder
}

#[test]
fn it_prints_the_mirror() {
    let folder = folder();
    for (user, face, mirror) in [
        (
            "user@some-domain.example/abc",
            "",
            r"user\40some-domain.example@proxy.domain.example/abc",
        ),
        (
            "USER@Some-Domain.example",
            "Helper",
            r"user\40some-domain.example\2fhelper@proxy.domain.example",
        ),
        (
            "user@else.example",
            "helper",
            r"user\40else.example\2fhelper\2fstkzpvphfu2i6mta@proxy.domain.example",
        ),
        (
            "אב@some-domain.example",
            "",
            r"\40\4026inpekaonxw2zjnmrxw2yljnyxgk6dbnvygyzi@proxy.domain.example",
        ),
    ] {
        let arguments = ["address", user, "--face", face];
        let out = folder.run(if face.is_empty() { &arguments[..2] } else { &arguments });
        assert_eq!((out.code, out.err.as_str()), (0, ""), "{user}");
        assert_eq!(out.out, format!("{mirror}\n"));
    }
}

#[test]
fn what_has_no_mirror_ends_with_65_and_the_reason() {
    let folder = folder();
    let long = format!("{}@some-domain.example", "u".repeat(1010));
    for (arguments, error) in [
        (&["address", "a@b@c"][..], "error: this is not an address: "),
        (&["address", "u@d.example", "--face", "other"], "error: proxy.domain.example has no face"),
        (
            &["address", "u@d.example", "--face", r"u\40d"],
            "error: proxy.domain.example has no face",
        ),
        (&["address", &long, "--face", "helper"], "error: the mirror of this address needs 10"),
        (&["address", "some-user@some-domain.example"], "error: this is an address of the target"),
        (&["address", "u@d.example", "--component", "d.example"], "error: no component has this"),
        (&["address", "u@d.example", "--component", "old.example"], "error: no component relays"),
    ] {
        let out = folder.run(arguments);
        assert_eq!((out.code, out.out.as_str()), (65, ""), "{arguments:?}: {}", out.err);
        assert!(out.err.starts_with(error) && out.err.contains("\n  help: "), "{}", out.err);
    }
    let chosen = folder.run(&["address", "u@d.example", "--component", "PROXY.domain.example"]);
    assert!(chosen.code == 0 && chosen.out.starts_with(r"u\40d.example\2f\2f"), "{}", chosen.out);
    // With two components that have mirrors, the command has to say which.
    folder.write("jat-proxy.toml", &CONFIG.replace("#both", ""));
    let out = folder.run(&["address", "u@d.example"]);
    assert!(out.code == 65 && out.err.contains("--component"), "{}", out.err);
    // Without messages or presence there are none.
    let one_way = ["relay", "faces", "initiate"].iter().fold(CONFIG.to_owned(), |config, key| {
        config.replace(&format!("\n{key}"), &format!("\n#{key}"))
    });
    folder.write("jat-proxy.toml", &one_way);
    let out = folder.run(&["address", "u@d.example"]);
    assert!(out.code == 65 && out.err.contains("no component relays"), "{}", out.err);
}

#[test]
fn mirrors_are_read_and_verified() {
    let folder = folder();
    let clear = r"USER\40Some-Domain.example\2fhelper@proxy.domain.example/a\u{1b}c";
    let said = "kind      mirror, clear\nuser      user@some-domain.example/a\\u{1b}c\n\
                face      helper@proxy.domain.example\n";
    let clear = clear.replace(r"\u{1b}", "\u{1b}");
    let out = folder.run_plain(&["token", "inspect", &clear]);
    assert_eq!((out.code, out.out.as_str()), (0, said));
    let signed = r"user\40some-domain.example\2f\2fyypzockqmpmvo6qq@proxy.domain.example/abc";
    let out = folder.run_plain(&["token", "inspect", signed]);
    let said = "kind      mirror, signed\nuser      user@some-domain.example/abc\n\
                face      proxy.domain.example\n";
    assert_eq!((out.code, out.out.as_str()), (0, said));
    for (address, code, verdict) in [
        (&*clear, 0, "yes: the user's domain is in `initiate`"),
        (signed, 0, "yes, by name key 1"),
        (r"u\40else.example@proxy.domain.example", 65, "no: it is not signed, "),
        (&signed.replace("yypz", "aaaa"), 65, "no: not signed for this user"),
        (r"u\40else.example@other.example", 65, "no: no component has this domain"),
        (r"u\40else.example@old.example", 65, "no: the component relays requests of users alone"),
    ] {
        let out = folder.run(&["token", "inspect", address]);
        let last = out.out.lines().last().unwrap();
        assert!(last.starts_with(&format!("verifies  {verdict}")), "{}", out.out);
        assert_eq!(out.code, code, "{}", out.out);
    }
}

#[test]
fn the_face_says_which_target_and_which_relay() {
    let folder = folder();
    let faces = "[[component.face]]\nnode = \"room-*\"\ntarget-address = \"rooms@some-domain.example\"\n\
        initiate = []\n[[component.face]]\nnode = \"iq\"\nrelay = [\"iq\"]\n[[component]]\n\
        domain = \"old";
    folder.write("jat-proxy.toml", &CONFIG.replace("[[component]]\ndomain = \"old", faces));
    let mirror = |face| folder.run(&["address", "user@some-domain.example", "--face", face]);
    assert_eq!(
        mirror("helper").out,
        "user\\40some-domain.example\\2fhelper@proxy.domain.example\n"
    );
    let signed = mirror("room-1");
    assert_eq!((signed.code, signed.err.as_str()), (0, ""));
    let signed = signed.out.trim_end();
    let start = r"user\40some-domain.example\2froom-1\2f";
    assert!(signed.starts_with(start), "it may not write first: {signed}");
    for face in ["iq", "other"] {
        let out = mirror(face);
        assert!(out.code == 65 && out.err.contains("has no face"), "{}", out.err);
    }
    for target in ["rooms", "some-user"] {
        let out = folder.run(&["address", &format!("{target}@some-domain.example")]);
        assert!(
            out.code == 65 && out.err.contains("this is an address of the target"),
            "{}",
            out.err
        );
    }
    let verdict = |address: &str| {
        let out = folder.run(&["token", "inspect", address]);
        (out.code, out.out.lines().last().unwrap_or_default().to_owned())
    };
    assert_eq!(verdict(signed), (0, "verifies  yes, by name key 1".to_owned()));
    // A mirror of one target is not valid for another.
    assert_eq!(verdict(&signed.replace("room-1", "helper")).0, 65);
    let clear =
        |face: &str| verdict(&format!(r"user\40some-domain.example\2f{face}@proxy.domain.example"));
    assert_eq!(clear("helper").0, 0);
    assert_eq!(clear("room-1").0, 65);
    assert!(clear("iq").1.ends_with("requests of users alone"));

    let mut alias = String::new();
    let holder =
        Holder { face: "room-1@proxy.domain.example", target: "rooms@some-domain.example" };
    alias::write(keys(&[1]).first(), &holder, "a", &mut alias).unwrap();
    let (code, said) = verdict(&format!("room-1@proxy.domain.example/{alias}"));
    assert_eq!(code, 0);
    assert!(said.ends_with("for rooms@some-domain.example"), "{said}");
    assert_eq!(verdict(&format!("helper@proxy.domain.example/{alias}")).0, 65);
}

#[test]
fn aliases_are_read_and_opened() {
    let folder = folder();
    let alias = "aebadi2t2y7liuubfs43mhbaubmrwchquietalmzcovmkj6oe73j4";
    let address = format!("proxy.domain.example/{alias}");
    let start = "version   1\nkind      2 (alias)\nkey       name key 1\nresource  ";
    for plain in [alias, &address] {
        let out = folder.run_plain(&["token", "inspect", plain]);
        let said = format!("{start}14 bytes, sealed; -c FILE opens it\n");
        assert_eq!((out.code, out.out), (0, said));
        let out = folder.run(&["token", "inspect", plain]);
        let said = format!(
            "{start}gajim.A1B2C3D4\nverifies  yes, at proxy.domain.example for \
             some-user@some-domain.example\n"
        );
        assert_eq!((out.code, out.out), (0, said));
    }
    let other = folder.run(&["token", "inspect", &format!("helper@{address}")]);
    assert_eq!(other.code, 65);
    assert!(other.out.ends_with(
        "verifies  no: not made for this face and target with a name key of the ring\n"
    ));
    let mut at_a_face = String::new();
    let face = "helper@proxy.domain.example";
    let holder = Holder { face, target: address_vectors::TARGET };
    alias::write(keys(&[1]).first(), &holder, "a", &mut at_a_face).unwrap();
    let out = folder.run(&["token", "inspect", &at_a_face]);
    assert!(out.code == 65 && out.out.contains("give both: NODE@DOMAIN/ALIAS"), "{}", out.out);
    let out =
        folder.run(&["token", "inspect", &format!("Helper@proxy.domain.example/{at_a_face}")]);
    assert!(out.code == 0 && out.out.contains("yes, at helper@proxy"), "{}", out.out);
}

/// `jat-proxy demo key, never use it`.
const SECRET: &str = "amF0LXByb3h5IGRlbW8ga2V5LCBuZXZlciB1c2UgaXQ=";
const CONFIG: &str = r#"
key-file = "keys.toml"
[[component]]
domain = "proxy.domain.example"
secret = { file = "proxy.secret" }
target-address = "some-user@some-domain.example"
relay = ["iq", "messages"]
allow-from = ["*"]
faces = ["helper"]
initiate = ["some-domain.example"]
[[component]]
domain = "old.example"
secret = { file = "proxy.secret" }
target-address = "some-user@some-domain.example"
#bothrelay = ["iq", "messages"]
allow-from = ["*"]
"#;
