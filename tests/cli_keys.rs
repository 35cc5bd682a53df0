//! `jat-proxy keys`, the real program on real files.

use std::time::{SystemTime, UNIX_EPOCH};

use jat_proxy::time::show_moment;
use test_support::folder::Folder;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_rotation_from_the_first_key_to_the_second() {
    let folder = Folder::ready();
    let list = || folder.run(&["keys", "list"]).out;
    assert_eq!(list(), "key 1 signs\n");

    let out = folder.run(&["keys", "add", "--in", "2h"]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    assert!(out.out.starts_with("key 2 is in DIR/keys.toml and signs from 20"), "{}", out.out);
    assert!(out.out.contains("(in 2h)\nNext: copy DIR/keys.toml to every replica"), "{}", out.out);
    assert!(folder.read("keys.toml").starts_with("# Mine.\n\n[[key]]\nid = 1\n"));
    assert_eq!(folder.mode("keys.toml"), 0o600);
    let listed = list();
    assert!(listed.starts_with("key 1 signs until 20"), "{listed}");
    assert!(listed.contains("\nkey 2 signs from 20"), "{listed}");
    assert_eq!(folder.run(&["check"]).code, 0);

    // No key can be removed yet, and nothing changes.
    let before = folder.read("keys.toml");
    let out = folder.run(&["keys", "prune"]);
    assert!(out.out.ends_with("no key can be removed yet\n"), "{}", out.out);
    assert_eq!(folder.read("keys.toml"), before);

    // The tokens of key 1 have all expired.
    let at = before.find("not-before").unwrap();
    let past = format!("{}not-before = \"{}\"\n", &before[..at], show_moment(now() - 8000));
    folder.write("keys.toml", &past);
    let out = folder.run(&["keys", "prune"]);
    assert!(out.out.starts_with("key 1 removed\nkey 2 signs since 20"), "{}", out.out);
    let after = folder.read("keys.toml");
    assert!(after.starts_with("# Mine.\n\n[[key]]\nid = 2\n"), "{after}");
    assert!(list().starts_with("key 2 signs since 20"), "{}", list());
}

#[test]
fn a_leaked_key_is_replaced_at_once() {
    let folder = Folder::ready();
    let out = folder.run(&["keys", "add", "--now"]);
    assert_eq!(out.code, 0);
    for told in ["signs from now on", "all at once", "forged", "lost", "prune"] {
        assert!(out.out.contains(told), "{}", out.out);
    }
    assert!(folder.run(&["keys", "list"]).out.contains("\nkey 2 signs since 20"));
}

#[test]
fn keys_of_a_configuration_that_does_not_check_are_left_alone() {
    let folder = Folder::ready();
    let broken = folder.read("keys.toml") + "[[key]]\nid = 1\n";
    folder.write("keys.toml", &broken);
    let out = folder.run(&["keys", "add"]);
    assert_eq!(out.code, 78);
    assert!(out.err.contains("keys.toml:6:1: `secret` is missing"), "{}", out.err);
    assert_eq!(folder.read("keys.toml"), broken);
}

#[test]
fn keys_can_stand_in_the_configuration() {
    let folder = Folder::ready();
    let config = folder.read("jat-proxy.toml").replace("key-file = \"keys.toml\"\n", "");
    let keys = folder.read("keys.toml");
    folder.write("jat-proxy.toml", &format!("{config}{keys}[log]\n# Quiet.\nlevel = \"warn\"\n"));
    assert_eq!(folder.run(&["keys", "add"]).code, 0);
    let text = folder.read("jat-proxy.toml");
    assert!(text.ends_with("[log]\n# Quiet.\nlevel = \"warn\"\n"), "{text}");
    let out = folder.run(&["check"]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    assert!(out.out.contains("; key 2 signs from"), "{}", out.out);
}

#[test]
fn name_keys_are_added_behind_the_others_and_stay() {
    let folder = Folder::ready();
    let list = || folder.run(&["keys", "list"]).out;
    let first = folder.run(&["keys", "add", "--name"]);
    assert_eq!((first.code, first.err.as_str()), (0, ""));
    assert!(first.out.starts_with("name key 1 is in DIR/keys.toml, and makes names\nNext: copy"));
    assert_eq!(list(), "key 1 signs\nname key 1 makes names\n");
    let second = folder.run(&["keys", "add", "--name"]);
    assert_eq!((second.code, second.err.as_str()), (0, ""));
    for told in
        ["opens names, and makes none", "all at once", "changes every name", "twice", "refused"]
    {
        assert!(second.out.contains(told), "{told}: {}", second.out);
    }
    let both = "name key 1 makes names\nname key 2 only opens them\n";
    assert_eq!(list(), format!("key 1 signs\n{both}"));
    assert_eq!(folder.mode("keys.toml"), 0o600);
    assert!(folder.read("keys.toml").starts_with("# Mine.\n\n[[key]]\nid = 1\n"));

    // A rotation of the signing keys does not affect them.
    assert_eq!(folder.run(&["keys", "add"]).code, 0);
    let text = folder.read("keys.toml");
    let at = text.find("not-before = ").unwrap();
    let end = at + text[at..].find('\n').unwrap();
    let past = format!("not-before = \"{}\"", show_moment(now() - 8000));
    folder.write("keys.toml", &[&text[..at], &past, &text[end..]].concat());
    let out = folder.run(&["keys", "prune"]);
    assert!(out.out.starts_with("key 1 removed\nkey 2 signs since 20"), "{}", out.out);
    assert!(list().ends_with(both) && list().starts_with("key 2 signs"), "{}", list());

    // Their order is that of the file.
    let text = folder.read("keys.toml");
    let tables: Vec<_> = text.split("[[name-key]]").collect();
    let turned = [tables[0], tables[2], "\n", tables[1]].join("[[name-key]]");
    let turned = turned.replace("[[name-key]]\n[[name-key]]", "\n[[name-key]]");
    folder.write("keys.toml", &turned);
    assert!(list().ends_with("name key 2 makes names\nname key 1 only opens them\n"), "{}", list());
}

/// Otherwise nobody could follow the remedy in the error.
#[test]
fn a_configuration_that_lacks_a_name_key_gets_one() {
    let folder = Folder::new();
    folder.write_config("secret = { file = \"proxy.secret\" }\nrelay = [\"iq\", \"requests\"]");
    assert_eq!(folder.run(&["check"]).code, 78);
    assert_eq!(folder.run(&["keys", "list"]).out, "key 1 signs\n");
    assert_eq!(folder.run(&["keys", "add", "--name"]).code, 0);
    assert_eq!(folder.run(&["check"]).code, 0);
}

/// For example, one by hand and one by a timer.
#[test]
fn a_second_rotation_at_a_time_is_told_of_the_first() {
    let folder = Folder::ready();
    assert_eq!(folder.run(&["keys", "add"]).err, "");
    let second = folder.run(&["keys", "add"]);
    assert_eq!(second.code, 0);
    assert!(
        second.err.starts_with("warning: key 2 was added already, and signs from 20"),
        "{second:?}"
    );
    assert!(second.err.contains("help: one new key is enough"), "{second:?}");
    assert!(second.out.starts_with("key 3 is in "), "{second:?}");
}

#[test]
fn a_file_that_can_not_be_written_comes_with_a_remedy() {
    let folder = Folder::ready();
    // The new file is first written under this name.
    std::fs::create_dir(folder.path("keys.toml.new")).unwrap();
    let out = folder.run(&["keys", "add"]);
    assert_eq!(out.code, 74, "{out:?}");
    assert!(out.err.contains("keys.toml.new exists"), "{out:?}");
    std::fs::remove_dir(folder.path("keys.toml.new")).unwrap();
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" keys add -c \"$1\"";
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_jat-proxy")]).arg(folder.path("jat-proxy.toml"));
    let output = shell.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(74), "{told}");
    assert!(told.contains("can't change") && told.contains("\n  help: "), "{told}");
    assert!(!folder.path("keys.toml.new").exists());
}
