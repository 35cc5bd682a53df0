//! `jat-proxy check`, the real program on real files.

use std::fs;

use test_support::folder::{Folder, SECRET, jat_proxy};
use test_support::tls::authority::{Authority, self_signed};

const OTHER_SECRET: &str = "U0VDUkVULUItU0VDUkVULUItU0VDUkVULUItU0VDUkU=";

#[test]
fn the_shipped_configuration_is_good() {
    let folder = Folder::new();
    folder.write("jat-proxy.toml", include_str!("../config/jat-proxy.toml"));
    let out = folder.run(&["check"]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    assert_eq!(
        out.out,
        "proxy.example -> some-user@some-domain.example (to a random resource), on \
         127.0.0.1:5347, token in the resource\n\
         keys in DIR/keys.toml: key 1 signs\n"
    );
}

/// Every line of the shipped configuration that shows a default or an example is true.
#[test]
fn the_shipped_configuration_shows_what_works() {
    let folder = Folder::new();
    let shipped = include_str!("../config/jat-proxy.toml");
    let shown: String = shipped
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
                format!("{key}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(shown.matches("\nmax-").count() == 4 && shown.contains("\nserver = "));
    assert!(shown.contains("\ntls = true\n") && shown.contains("\n[[component.face]]\n"));
    folder.write("ca.pem", &Authority::new("CA").pem());
    let without = |text: &str, keys: &[&str]| -> String {
        let is_one = |line: &&str| keys.iter().any(|key| line.starts_with(&format!("{key} = ")));
        assert_eq!(text.lines().filter(is_one).count(), keys.len(), "{keys:?}");
        text.lines().filter(|line| !is_one(line)).map(|line| format!("{line}\n")).collect()
    };
    let is_good = |text: &str| {
        folder.write("jat-proxy.toml", text);
        let out = folder.run(&["check"]);
        assert_eq!((out.code, out.err.as_str()), (0, ""));
    };
    // Some keys are for `relay = ["iq"]` only, some for more.
    is_good(&without(&shown, &["faces", "initiate", "messages-to", "account-queries"]));
    let keys = folder.read("keys.toml");
    folder
        .write("keys.toml", &format!("{keys}[[name-key]]\nid = 1\nsecret = \"{OTHER_SECRET}\"\n"));
    let all = "relay = [\"iq\", \"messages\", \"presence\", \"requests\"]";
    is_good(&without(&shown, &["dispatch", "token-in"]).replace("relay = [\"iq\"]", all));
}

#[test]
fn what_is_answered_here_is_said() {
    let folder = Folder::new();
    folder.write_config("secret = { file = \"proxy.secret\" }\nanswer = [\"ping\", \"disco\"]");
    let out = folder.run(&["check"]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    assert!(out.out.contains("\n  answers disco, ping at proxy.example itself\n"), "{}", out.out);
}

#[test]
fn what_to_know_of_more_than_requests_is_said() {
    let folder = Folder::new();
    let secret = "secret = { file = \"proxy.secret\" }\n";
    folder.write_config(&format!("{secret}relay = [\"iq\", \"requests\"]"));
    let out = folder.run(&["check"]);
    assert_eq!(out.code, 78);
    assert!(out.err.contains("make one with: jat-proxy keys add --name\n"), "{}", out.err);
    assert_eq!(folder.run(&["keys", "add", "--name"]).code, 0);
    let out = folder.run(&["check"]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    assert_eq!(
        out.out,
        "proxy.example -> bot@some.example (to one resource per user), on 127.0.0.1:5347, token in \
         the id\n  relays iq, requests at proxy.example\n\
         keys in DIR/keys.toml: key 1 signs; name key 1 makes names\n"
    );
    folder.write_config(&format!(
        "{secret}relay = [\"iq\", \"messages\", \"presence\"]\nallow-from = [\"*\"]\n\
         faces = [\"Helper\"]\ninitiate = [\"*\"]\npresence-domain = \"a.proxy.example\""
    ));
    let out = folder.run(&["check"]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    let relays = "\n  relays iq, messages, presence at proxy.example, helper@proxy.example\n";
    assert!(out.out.contains(relays), "{}", out.out);
    for about in ["limits", "initiate", "domain_balancing"] {
        let note = |line: &str| line.starts_with("note: ") && line.contains(about);
        assert_eq!(out.out.lines().filter(|line| note(line)).count(), 1, "{about}: {}", out.out);
    }
}

#[test]
fn each_face_has_a_line() {
    let folder = Folder::new();
    let secret = "secret = { file = \"proxy.secret\" }\n";
    let faces = "[[component.face]]\nnode = \"Helper\"\ntarget-address = \"helper@some.example\"\n\
        relay = [\"iq\", \"messages\"]\nallow-from = [\"some.example\"]\n\
        [[component.face]]\nnode = \"room-*\"\ntarget-address = \"some.example/rooms\"\n";
    let start = "key-file = \"keys.toml\"\n[[component]]\ndomain = \"proxy.example\"\n";
    let target = "target-address = \"bot@some.example\"\n";
    folder.write("jat-proxy.toml", &format!("{start}{secret}{target}{faces}"));
    assert_eq!(folder.run(&["keys", "add", "--name"]).code, 0);
    let lines = "  helper@proxy.example -> helper@some.example (to one resource per user), token in the \
        id, relays iq, messages\n  room-*@proxy.example -> some.example/rooms (to this resource only), \
        token in the resource\nkeys in DIR/keys.toml: key 1 signs; name key 1 makes names\nnote: ";
    let out = folder.run(&["check"]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    let own = "proxy.example -> bot@some.example (to a random resource), on 127.0.0.1:5347, token in \
        the resource\n";
    assert!(out.out.starts_with(&format!("{own}{lines}")), "{}", out.out);
    let config = folder.read("jat-proxy.toml");
    folder.write("jat-proxy.toml", &config.replace(target, ""));
    let out = folder.run(&["check"]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    let own = "proxy.example -> its faces, on 127.0.0.1:5347\n";
    assert!(out.out.starts_with(&format!("{own}{lines}")), "{}", out.out);
}

#[test]
fn a_bad_configuration_ends_with_78_and_all_its_errors() {
    let folder = Folder::new();
    folder.write("jat-proxy.toml", "key-file = \"keys.toml\"\nreply_ttl = \"1h\"\n[server]\n");
    let out = folder.run(&["check"]);
    assert_eq!((out.code, out.out.as_str()), (78, ""));
    assert_eq!(
        out.err,
        "error: DIR/jat-proxy.toml:1:1: `component` is missing in the file\n  \
         help: add: [[component]], with domain, secret and target-address\n\
         error: DIR/jat-proxy.toml:2:1: unknown key `reply_ttl` in the file\n  \
         help: did you mean `reply-ttl`?\n\
         error: DIR/jat-proxy.toml:3:1: `address` is missing in [server]\n  \
         help: add: address = \"127.0.0.1:5347\"\n"
    );
}

#[test]
fn warnings_are_shown_of_a_good_configuration_too() {
    let folder = Folder::new();
    folder.write_config("secret = \"Open Sesame\"");
    let out = folder.run(&["check"]);
    assert_eq!(out.code, 0);
    assert_eq!(
        out.err,
        "warning: DIR/jat-proxy.toml:4:10: the secret is in the configuration itself\n  help: put \
         it into a file of its own: secret = { file = \"proxy.secret\" }\n"
    );
    assert!(out.out.starts_with("proxy.example -> bot@some.example"), "{}", out.out);
}

#[test]
fn a_secret_comes_from_the_environment_or_from_systemd() {
    let folder = Folder::new();
    folder.write_config("secret = { env = \"JAT_PROXY_TEST_SECRET\" }");
    assert_eq!(folder.run(&["check"]).code, 78);
    let check = |name: &str, value: &str| {
        let mut command = jat_proxy();
        command.arg("check").arg("-c").arg(folder.path("jat-proxy.toml")).env(name, value);
        command.output().unwrap().status.code()
    };
    assert_eq!(check("JAT_PROXY_TEST_SECRET", "Open Sesame"), Some(0));
    assert_eq!(check("JAT_PROXY_TEST_SECRET", ""), Some(78));
    folder.write_config("secret = { credential = \"proxy.secret\" }");
    let credentials = folder.path(".");
    assert_eq!(check("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()), Some(0));
    assert_eq!(check("CREDENTIALS_DIRECTORY", "/nowhere"), Some(78));
}

#[test]
fn keys_in_the_configuration_itself() {
    let folder = Folder::new();
    folder.write_config("secret = { file = \"proxy.secret\" }");
    let config = fs::read_to_string(folder.path("jat-proxy.toml")).unwrap();
    let config = config.replace("key-file = \"keys.toml\"\n", "");
    folder.write(
        "jat-proxy.toml",
        &format!(
            "{config}\n[[key]]\nid = 3\nsecret = \"{SECRET}\"\nnot-before = 2020-01-01T00:00:00Z\n"
        ),
    );
    let out = folder.run(&["check"]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    assert!(
        out.out.ends_with("keys in DIR/jat-proxy.toml: key 3 signs since 2020-01-01T00:00:00Z\n"),
        "{}",
        out.out
    );
}

#[test]
fn exit_codes_are_those_of_sysexits() {
    let folder = Folder::new();
    let code = |arguments: &[&str]| folder.run_plain(arguments).code;
    assert_eq!(code(&["--help"]), 0);
    assert_eq!(code(&["--version"]), 0);
    assert_eq!(code(&["keys", "add", "--help"]), 0);
    assert_eq!(code(&[]), 64);
    assert_eq!(code(&["frobnicate"]), 64);
    assert_eq!(code(&["check", "--frobnicate"]), 64);
    assert_eq!(code(&["keys", "add", "--in", "1h", "--now"]), 64);
    assert_eq!(code(&["keys", "add", "--in", "soon"]), 64);
    assert_eq!(code(&["keys", "add", "--name", "--now"]), 64);
    assert_eq!(code(&["check", "-c", "/nowhere/jat-proxy.toml"]), 78);
    assert_eq!(code(&["token", "inspect", "x"]), 65);
}

/// Without a `ca-file` the system's CAs are trusted, found as OpenSSL finds them.
#[test]
fn the_cas_of_the_system_must_be_there_where_they_are_needed() {
    let folder = Folder::new();
    let shipped = include_str!("../config/jat-proxy.toml");
    folder.write("jat-proxy.toml", &shipped.replace("\n#tls = true", "\ntls = true"));
    let check = |cas: &str| {
        let mut command = jat_proxy();
        command.arg("check").arg("-c").arg(folder.path("jat-proxy.toml"));
        command.env("SSL_CERT_FILE", folder.path(cas)).env_remove("SSL_CERT_DIR");
        command.output().unwrap()
    };
    let out = check("nowhere.pem");
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(78), "{said}");
    assert!(said.contains("the system has no CA certificates"), "{said}");
    assert!(said.contains("help: install them (ca-certificates), or name the CA"), "{said}");
    folder.write("system.pem", &self_signed("xmpp.example").certificate);
    let out = check("system.pem");
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(String::from_utf8_lossy(&out.stdout).contains(" with TLS (127.0.0.1), token in"));
}

#[test]
fn the_configuration_may_stand_in_front_of_the_subcommand() {
    let folder = Folder::ready();
    let config = folder.path("jat-proxy.toml");
    let config = config.to_str().unwrap();
    let behind = folder.run_plain(&["check", "-c", config]);
    assert_eq!(behind.code, 0);
    for option in [&["-c", config][..], &["--config", config], &[&format!("--config={config}")]] {
        let before = folder.run_plain(&[option, &["check"]].concat());
        assert_eq!((before.code, before.out), (0, behind.out.clone()), "{option:?}");
    }
    assert_eq!(folder.run_plain(&["-c", config, "keys", "list"]).code, 0);
    let token = "p.example/aeaqcadljhqbaaa4ovzwk4saonxw2zjnmrxw2yljnyxgk6dbnvygyzjpmfrggaaagezdgnh4\
                 aa7ulrg472rfhjdbc5h77sj3";
    let inspected = folder.run_plain(&["-c", config, "token", "inspect", token]);
    assert!(inspected.out.contains("verifies"), "{inspected:?}");
    for wrong in [&["-c", config, "check", "-c", "other.toml"][..], &["-c", config, "man"]] {
        let out = folder.run_plain(wrong);
        assert_eq!(out.code, 64, "{wrong:?}");
        assert!(out.err.contains("\n  help: "), "{out:?}");
    }
}

/// Root can read everything, but the daemon can't.
#[test]
#[ignore = "needs root"]
fn what_the_owner_of_the_folder_can_not_read_is_an_error_for_root_too() {
    let folder = Folder::ready();
    let chown = |name: &str, user| std::os::unix::fs::chown(folder.path(name), user, user).unwrap();
    assert_eq!(folder.run(&["check"]).code, 0, "the folder is root's");
    for name in ["", "jat-proxy.toml", "keys.toml"] {
        chown(name, Some(65_534));
    }
    let out = folder.run(&["check"]);
    let error = "error: user 65534, who owns DIR and therefore runs the daemon, has no access to \
                 DIR/proxy.secret\n  help: give it to that user";
    assert_eq!(out.code, 78, "{out:?}");
    assert!(out.err.starts_with(error), "{out:?}");
    chown("proxy.secret", Some(65_534));
    assert_eq!(folder.run(&["check"]).code, 0);
}
