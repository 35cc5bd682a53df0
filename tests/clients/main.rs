//! The libraries of `clients/`: independent readers, in other languages, of what docs/token.md and
//! docs/addresses.md specify.

mod packages;
mod stanzas;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use core_tests::interpreter::{self, PYTHON};
use core_tests::{address_vectors, repository, vectors};
use jat_proxy::jat::{mirror, token};
use serde_json::{Value, json};
use test_support::pages::first;
use test_support::scratch;

#[test]
#[ignore = "needs python3"]
fn the_reader_in_python_reads_what_is_specified() {
    let folder = repository().join("clients/python");
    let mut python = Command::new(PYTHON);
    python.args(["-B", "-m", "unittest", "discover", "-s", "tests", "-v"]);
    python.env("PYTHONPATH", "src").current_dir(folder);
    let said = passes(python.env("JAT_PROXY_VECTORS", write_vectors("python")));
    assert!(said.contains("Ran 9 tests"), "{said}");
}

#[test]
#[ignore = "needs node"]
fn the_reader_in_javascript_reads_what_is_specified() {
    let folder = repository().join("clients/javascript");
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=tap", "test/vectors.test.js"]).current_dir(folder);
    let said = passes(node.env("JAT_PROXY_VECTORS", write_vectors("javascript")));
    assert!(said.contains("# pass 9\n"), "{said}");
}

/// Texts that are almost valid, read by both and by the program.
#[test]
#[ignore = "needs python3 and node"]
fn all_readers_say_the_same() {
    let (tokens, mirrors) = (damaged_tokens(), damaged_mirrors());
    let input = json!([tokens, mirrors]).to_string();
    let by_python = interpreter::run(PYTHON, &["-B", "-c", PYTHON_READS], &input);
    let script = ["--input-type=module", "-e", JAVASCRIPT_READS];
    let by_javascript = interpreter::run("node", &script, &input);
    let [by_python, by_javascript]: [Value; 2] =
        [by_python, by_javascript].map(|said| serde_json::from_str(&said).unwrap());

    let mut read = [0; 2];
    for (at, text) in tokens.iter().enumerate() {
        let ours = token::inspect(text).map_or(Value::Null, |it| {
            let claims = it.claims();
            json!([claims.user(), claims.resource(), claims.id(), it.expires()])
        });
        read[0] += u32::from(!ours.is_null());
        assert_eq!(by_python[0][at], ours, "Python: {text:?}");
        assert_eq!(by_javascript[0][at], ours, "JavaScript: {text:?}");
    }
    for (at, address) in mirrors.iter().enumerate() {
        let mut room = String::new();
        let node = address.split('@').next().unwrap();
        let ours = mirror::inspect(&node.to_ascii_lowercase(), &mut room)
            .map_or(Value::Null, |(user, face, signed)| json!([user, face, signed]));
        read[1] += u32::from(!ours.is_null());
        assert_eq!(by_python[1][at], by_javascript[1][at], "{address:?}");
        // Only the program checks normal form outside ASCII, and IPv6 addresses.
        let read_as = by_python[1][at].to_string();
        let is_plain = read_as.is_ascii() && !read_as.contains("@[");
        if address.is_ascii() && (is_plain || !ours.is_null()) {
            assert_eq!(by_python[1][at], ours, "{address:?}");
        }
    }
    println!("{} tokens and {} mirrors of {} each", read[0], read[1], tokens.len());
    assert!(read.iter().all(|read| *read > 500), "{read:?}");
}

#[test]
#[ignore = "needs mypy, which tests/run installs"]
fn the_types_of_the_reader_in_python_are_right() {
    let version =
        interpreter::run(PYTHON, &["-c", "import sys; print('%d.%d' % sys.version_info[:2])"], "");
    let mut mypy = Command::new(PYTHON);
    mypy.args(["-B", "-m", "mypy", "--strict", "--cache-dir", "/dev/null", "clients/python/src"]);
    mypy.env("PYTHONPATH", installed(&format!("python-{}", version.trim())));
    passes(&mut mypy);
}

#[test]
#[ignore = "needs TypeScript, which tests/run installs"]
fn the_types_of_the_reader_in_javascript_are_right() {
    let folder = repository().join("clients/javascript");
    let package: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("package.json")).unwrap()).unwrap();
    let script = package["scripts"]["types"].as_str().unwrap();
    let arguments = script.strip_prefix("tsc ").expect("tsc makes them").split_whitespace();
    let made = fresh("types");
    let mut node = Command::new("node");
    node.arg(installed("node_modules/typescript/bin/tsc")).args(arguments);
    passes(node.arg("--outDir").arg(&made).current_dir(&folder));
    let [made, stored] =
        [made, folder].map(|it| fs::read_to_string(it.join("index.d.ts")).unwrap());
    assert!(made == stored, "run `npm run types` in clients/javascript");
}

/// The code on their pages runs, for a request with a token and a message from a mirror.
#[test]
#[ignore = "needs python3 and node"]
fn the_pages_of_the_readers_show_how_to_call_them() {
    let sender = json!(format!("proxy.domain.example/{}", vectors::Vectors::load().valid[0].token));
    let mirror = json!(r"user\40some-domain.example\2fhelper@proxy.domain.example/abc");
    for other in [r"user@some-domain.example/abc", "a@other.example/x"] {
        let of_proxy = other.starts_with("user@");
        let [request, message] = match of_proxy {
            true => [sender.to_string(), mirror.to_string()],
            false => [json!(other).to_string(), json!(other).to_string()],
        };
        let code = first("clients/python/README.md", "python").text;
        let code =
            format!("{code}print(user_of_request({request}, \"1\"), user_of_message({message}))");
        let mut python = Command::new(PYTHON);
        python.args(["-B", "-c", &code]).env("PYTHONPATH", "clients/python/src");
        assert_eq!(passes(&mut python).trim(), format!("{other} {other}"));

        let code = first("clients/javascript/README.md", "javascript").text;
        let code = format!(
            "{code}console.log(userOfRequest({request}, \"1\"), userOfMessage({message}));"
        );
        let mut node = Command::new("node");
        node.args(["--input-type=module", "-e", &code]).current_dir("clients/javascript");
        assert_eq!(passes(&mut node).trim(), format!("{other} {other}"));
    }
}

/// Writes the vectors and the stanzas of the proxy where the libraries' own tests find them.
fn write_vectors(name: &str) -> PathBuf {
    let vectors = json!({
        "token": vectors::Vectors::load(),
        "addresses": address_vectors::Vectors::load(),
        "requests": stanzas::requests(),
        "messages": stanzas::messages(),
        "seen": SEEN,
        "not_seen": NOT_SEEN,
    });
    let file = fresh(name).join("vectors.json");
    fs::write(&file, vectors.to_string()).unwrap();
    file
}

/// The errors of tokens that a reader without a key can see.
const SEEN: [&str; 5] = ["length", "encoding", "version", "malformed", "kind"];
/// Malformed mirrors that are read nevertheless: only the proxy checks normal form outside ASCII.
const NOT_SEEN: [&str; 8] = [
    "a node with an emoji, in clear",
    "mixed directions, in clear",
    "a dot above behind an escape's f, in clear",
    "opaque: another one",
    "opaque: a private one",
    "opaque: a character that becomes an @",
    "opaque: the same beside Hebrew",
    "opaque: nothing is left of the node",
];

fn damaged_tokens() -> Vec<String> {
    let vectors = vectors::Vectors::load();
    let good = vectors.valid.iter().chain(&vectors.invalid).map(|it| &*it.token).collect();
    damaged(good)
}

fn damaged_mirrors() -> Vec<String> {
    let vectors = address_vectors::Vectors::load();
    let mirrors = vectors.mirror.iter().map(|it| it.mirror.split('@').next().unwrap());
    let malformed = vectors.malformed.iter().map(|it| &*it.node);
    let nodes = damaged(mirrors.chain(malformed).collect());
    // No server passes on a longer one.
    let is_node = |it: &String| !it.contains(['@', '/']) && it.len() <= 1023;
    let nodes = nodes.into_iter().filter(is_node);
    nodes.map(|node| format!("{node}@proxy.example")).collect()
}

/// Each text as it is, and with a few characters lost, doubled or replaced.
fn damaged(good: Vec<&str>) -> Vec<String> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut texts: Vec<String> = good.iter().map(|&text| text.to_owned()).collect();
    while texts.len() < 6_000 {
        let mut text: Vec<char> = rng.choice(&good).unwrap().chars().collect();
        for _ in 0..rng.usize(..3) {
            let at = rng.usize(..=text.len());
            let lost: Vec<char> = text.drain(at..text.len().min(at + 1)).collect();
            let new = match rng.u8(..4) {
                0 => vec![],
                1 => lost.repeat(2),
                2 => rng.choice(["\\40", "\\2f", "\\5c"]).unwrap().chars().collect(),
                _ => vec![rng.choice(OTHERS).unwrap()],
            };
            text.splice(at..at, new);
        }
        texts.push(text.into_iter().collect());
    }
    texts
}

/// The whole output of the command.
///
/// # Panics
/// When it is missing or fails.
fn passes(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// What tests/run installs below target/.
fn installed(what: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("clients").join(what);
    assert!(path.exists(), "{} is not there: tests/run makes it", path.display());
    path
}

/// An empty folder of this test run.
fn fresh(name: impl AsRef<OsStr>) -> PathBuf {
    let folder = scratch().join("readers").join(name.as_ref());
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

const OTHERS: [char; 15] =
    ['\\', '/', '@', 'a', 'A', '2', '7', '=', ' ', 'é', '.', ':', '[', ']', '\n'];

const PYTHON_READS: &str = r#"
import json, sys
sys.path.insert(0, "clients/python/src")
from jat_proxy import read_mirror, read_token
tokens, mirrors = json.load(sys.stdin.buffer)
print(json.dumps([[read_token(it) for it in tokens], [read_mirror(it) for it in mirrors]]))
"#;

const JAVASCRIPT_READS: &str = r#"
import { readFileSync } from "node:fs";
import { readMirror, readToken } from "./clients/javascript/index.js";
const [tokens, mirrors] = JSON.parse(readFileSync(0, "utf8"));
const fields = (it) => it && Object.values(it);
console.log(JSON.stringify([
  tokens.map((it) => fields(readToken(it))), mirrors.map((it) => fields(readMirror(it))),
]));
"#;
