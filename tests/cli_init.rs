//! `jat-proxy init`, the real program in real folders.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use test_support::folder::Folder;

const PROGRAM: &str = env!("CARGO_BIN_EXE_jat-proxy");

#[test]
fn what_init_writes_is_good_as_it_is() {
    let folder = Folder::new();
    let dir = folder.path("new/one");
    let dir = dir.to_str().unwrap();
    let arguments = ["init", "--domain", "Proxy.example", "--target", "bot@some.example", dir];
    let out = folder.run_plain(&arguments);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    let secret = folder.read("new/one/proxy.secret");
    for told in [
        "Component \"proxy.example\"\n".to_owned(),
        format!("component_secret = \"{}\"", secret.trim()),
        format!("password: \"{}\"", secret.trim()),
        "module: ejabberd_service".to_owned(),
        "<presence type='subscribed' to='proxy.example'/>".to_owned(),
    ] {
        assert!(out.out.contains(&told), "{}", out.out);
    }
    assert_eq!(folder.mode("new/one"), 0o700);
    for name in ["jat-proxy.toml", "keys.toml", "proxy.secret"] {
        assert_eq!(folder.mode(&format!("new/one/{name}")), 0o600);
    }
    let config = format!("{dir}/jat-proxy.toml");
    let out = folder.run_plain(&["check", "-c", &config]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    let listed = folder.run_plain(&["keys", "list", "-c", &config]).out;
    assert_eq!(listed, "key 1 signs\nname key 1 makes names\n");
    assert_eq!(folder.run_plain(&["keys", "add", "-c", &config]).code, 0);

    // A second run changes nothing.
    let out = folder.run_plain(&arguments);
    assert_eq!(out.code, 64);
    assert!(out.err.contains("jat-proxy.toml exists"), "{}", out.err);
    assert_eq!(folder.read("new/one/proxy.secret"), secret);
}

#[test]
fn init_writes_what_is_relayed_besides_requests() {
    let folder = Folder::new();
    let dir = folder.path("new");
    let dir = dir.to_str().unwrap();
    let init = |more: &[&str]| {
        let start = ["init", "--domain", "proxy.example", "--target", "bot@some.example", dir];
        folder.run_plain(&[&start[..], more].concat())
    };
    let out = init(&[
        "--relay=messages,presence",
        "--face",
        "helper,team-*",
        "--allow-from=some.example,*.partner.example",
    ]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    assert!(out.out.ends_with("People write to helper@proxy.example.\n"), "{}", out.out);
    let text = folder.read("new/jat-proxy.toml");
    for line in [
        "relay = [\"iq\", \"messages\", \"presence\"]",
        "faces = [\"helper\", \"team-*\"]",
        "allow-from = [\"some.example\", \"*.partner.example\"]",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    let out = folder.run_plain(&["check", "-c", &format!("{dir}/jat-proxy.toml")]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    fs::remove_dir_all(dir).unwrap();
    for (more, word) in [
        (&["--relay", "messages"][..], "allow-from"),
        (&["--relay", "message", "--allow-from", "*"], "did you mean"),
        (&["--relay", "requests", "--face", "a@b"], "faces"),
    ] {
        let out = init(more);
        assert_eq!(out.code, 64, "{out:?}");
        assert!(out.err.starts_with("error: ") && out.err.contains(word), "{}", out.err);
        assert!(!Path::new(dir).exists(), "{more:?}");
    }
}

/// The remains of a failed attempt would be in the way of the next one.
#[test]
fn what_could_not_be_written_whole_is_taken_away() {
    let folder = Folder::new();
    let path = folder.path("new/one");
    let script = "ulimit -f 0 && exec \"$0\" init --domain p.example --target bot@s.example \"$1\"";
    let limited = |script: &str| {
        let mut command = Command::new("sh");
        // With the signal ignored it is an error, like a full disk.
        command.args(["-c", &format!("trap '' XFSZ; {script}"), PROGRAM]).arg(&path);
        command.output().unwrap()
    };
    let output = limited(script);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(74), "{told}");
    assert!(told.contains("can't write") && told.contains("help: "), "{told}");
    assert!(!folder.path("new").exists(), "it was made for this");
    let output = limited(&script.replace("ulimit -f 0", "true"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(path.join("keys.toml").exists());
}

#[test]
fn paths_are_printed_as_a_shell_takes_them() {
    let folder = Folder::new();
    let path = folder.path("a b's");
    let arguments = ["init", "--domain", "p.example", "--target", "bot@s.example"];
    let out = folder.run_plain(&[&arguments[..], &[path.to_str().unwrap()]].concat());
    let line = out.out.lines().find(|line| line.contains("jat-proxy check -c")).unwrap();
    let line = line
        .trim()
        .trim_end_matches(" --connect --wait")
        .replace("DIR", folder.path("").to_str().unwrap());
    let script = line.replacen("jat-proxy", PROGRAM, 1);
    let checked = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(checked.status.success(), "{line}: {checked:?}");
}

/// As root into the folder of the service's account.
#[test]
fn what_init_writes_belongs_to_who_owns_the_folder() {
    let folder = Folder::new();
    let path = folder.path("etc");
    fs::create_dir(&path).unwrap();
    // Only root can give it away; for others it is their own, and so are the files.
    let _ = std::os::unix::fs::chown(&path, Some(65_534), Some(65_534));
    let arguments = ["init", "--domain", "proxy.example", "--target", "bot@some.example"];
    let out = folder.run_plain(&[&arguments[..], &[path.to_str().unwrap()]].concat());
    assert_eq!(out.code, 0, "{}", out.err);
    let owner = |path: &Path| path.metadata().map(|it| (it.uid(), it.gid())).unwrap();
    for file in ["jat-proxy.toml", "keys.toml", "proxy.secret"] {
        assert_eq!(owner(&path.join(file)), owner(&path), "{file}");
    }
}

#[test]
fn init_refuses_what_check_would_refuse_and_writes_nothing() {
    let folder = Folder::new();
    let dir = folder.path("new");
    for (domain, target) in [
        ("proxy example", "bot@some.example"),
        ("proxy.example", "some.example"),
        ("proxy.example", "bot@PROXY.example"),
        ("proxy.example", ""),
    ] {
        let arguments = ["init", "--domain", domain, "--target", target, dir.to_str().unwrap()];
        let out = folder.run_plain(&arguments);
        assert_eq!(out.code, 64, "{out:?}");
        assert!(out.err.starts_with("error: ") && out.err.contains("\n  help: "), "{}", out.err);
        assert!(!dir.exists());
    }
}

/// A pseudo-terminal, as `script` of util-linux makes one, at which `typed` is typed.
fn at_a_terminal(folder: &Folder, arguments: &str, typed: &str) -> (Option<i32>, String) {
    let mut script = Command::new("script");
    script.args(["-qec", &format!("{PROGRAM} init {arguments}"), "/dev/null"]);
    let mut script = script
        .current_dir(folder.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script, which Debian always has");
    script.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = script.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n"))
}

#[test]
fn on_a_terminal_init_asks_for_what_is_missing() {
    let folder = Folder::new();
    let typed = "bot\nbot@some.example\nsome.example\n\nEjabberd\n127.0.0.1\n[::1]:5348\nnew\n";
    let (code, said) = at_a_terminal(&folder, "", typed);
    assert_eq!(code, Some(0), "{said}");
    for told in [
        "error: the target \"bot\" has no node",
        "error: the target is at the component's own domain\n  help: the component needs a domain",
        "Domain that users write to [proxy.some.example]: ",
        "error: \"127.0.0.1\" is not the address of a port",
        "Written: new/jat-proxy.toml",
        "  - port: 5348\n    ip: \"::1\"\n    module: ejabberd_service",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert!(!said.contains("component_secret"), "{said}");
    let text = folder.read("new/jat-proxy.toml");
    for line in [
        "address = \"[::1]:5348\"",
        "domain = \"proxy.some.example\"",
        "target-address = \"bot@some.example\"",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    let config = folder.path("new/jat-proxy.toml");
    let out = folder.run_plain(&["check", "-c", config.to_str().unwrap()]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));

    // It does not ask for what the command line says; a folder with files is refused.
    let given = "--domain p.example --software prosody --server 127.0.0.1:5347";
    let (code, said) = at_a_terminal(&folder, given, "bot@some.example\nnew\nother\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("error: new/jat-proxy.toml exists"), "{said}");
    assert!(said.contains("Component \"p.example\"\n") && !said.contains("listen:"), "{said}");
    assert!(!said.contains("Domain") && !said.contains("port"), "{said}");
    assert!(folder.path("other/keys.toml").exists());
}

/// In the folder of the files, too, where no option names them.
#[test]
fn the_commands_that_init_prints_name_its_files() {
    let folder = Folder::new();
    let dir = folder.path("new");
    fs::create_dir(&dir).unwrap();
    let arguments = ["init", "--domain", "p.example", "--target", "bot@s.example"];
    let mut init = Command::new(PROGRAM);
    let output = init.args(arguments).current_dir(&dir).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    for command in ["run -c ./jat-proxy.toml\n", "check -c ./jat-proxy.toml --connect --wait\n"] {
        assert!(said.contains(&format!("     jat-proxy {command}")), "{said}");
    }
    // Whoever leaves the option out, as the service may, is pointed to the file.
    let mut check = Command::new(PROGRAM);
    let output = check.arg("check").args(["-c", "/nowhere/a"]).current_dir(&dir).output();
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(
        said.contains("help: one is in this folder: name it with -c jat-proxy.toml\n"),
        "{said}"
    );
}

#[test]
fn nothing_is_written_before_the_last_answer() {
    let folder = Folder::new();
    let (code, said) = at_a_terminal(&folder, "new", "bot@some.example\n\nprosody\n\u{4}");
    assert_eq!(code, Some(64), "{said}");
    assert!(
        said.contains("error: the question got no answer\n  help: nothing was written"),
        "{said}"
    );
    assert!(!folder.path("new").exists());
}

#[test]
fn without_a_terminal_init_says_what_it_needs() {
    let folder = Folder::new();
    for arguments in
        [&["init"][..], &["init", "--domain", "p.example"], &["init", "--target", "a@b"]]
    {
        let out = folder.run_plain(arguments);
        assert_eq!(out.code, 64, "{out:?}");
        assert!(out.err.contains("--domain") && out.err.contains("--target"), "{}", out.err);
    }
}
