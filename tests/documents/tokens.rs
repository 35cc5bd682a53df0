//! What the documents say about tokens and hashes, compared with the program: quoted tokens, worked
//! examples, and code for readers to copy.

use std::fs;
use std::path::PathBuf;

use core_tests::interpreter;
use core_tests::twin::{self, Proxy};
use core_tests::vectors::Vectors;
use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use jat_proxy::jat::dispatch::{sticky_hash, sticky_weight};
use jat_proxy::jat::settings::TokenIn;
use jat_proxy::jat::target::Target;
use serde_json::json;
use sha2::Sha256;
use test_support::pages;

use crate::claims;

#[test]
fn readme_and_specification_show_the_token_of_the_first_vector() {
    let Vectors { valid, .. } = Vectors::load();
    for document in ["README.md", "docs/token.md"] {
        assert!(read(document).contains(&valid[0].token), "{document} has another token");
    }
}

#[test]
fn the_worked_example_gives_the_tag() {
    let Vectors { valid, .. } = Vectors::load();
    let bytes = block("docs/token.md", "hex")
        .lines()
        .map(|line| line.split("  ").next().expect("a split gives one piece").replace(' ', ""))
        .collect::<String>();
    let message = HEXLOWER_PERMISSIVE.decode(bytes.as_bytes()).expect("hexadecimal digits");
    let secret = b"jat-proxy demo key, never use it";
    let mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length").chain_update(message);
    let token = BASE32_NOPAD.decode(valid[0].token.to_uppercase().as_bytes()).expect("base32");
    let tag = &mac.finalize().into_bytes()[..16];
    assert_eq!(*tag, token[token.len() - 16..]);

    let shown = claims::text("docs/token.md", "fc 00 3f").replace([' ', '\n'], "");
    assert_eq!(HEXLOWER_PERMISSIVE.encode(tag), shown);
    assert_eq!(claims::text("docs/token.md", "aeaqcadl").trim_end(), valid[0].token);
    // The four pieces in the formula are those that the bytes contain.
    let formula = claims::text("docs/token.md", "HMAC-SHA256(key, PAE");
    assert_eq!(formula, "HMAC-SHA256(key, PAE(\"jat-proxy/v1\", data, asked, peer))\n");
    let worked = block("docs/token.md", "hex");
    for piece in ["4 pieces", "jat-proxy/v1", "bytes, the data:", "bytes, asked:", "bytes, peer:"] {
        assert!(worked.contains(piece), "{piece}");
    }
}

#[test]
fn forms_of_the_specification_are_those_of_the_program() {
    let request = claims::text("README.md", "<iq type='get' id='1234'\n    to='proxy");
    let forwarded = |token_in| {
        let mut settings = twin::settings();
        settings.domain = "proxy.domain.example".parse().unwrap();
        settings.target = Target::new("some-user@some-domain.example/a".parse().unwrap());
        settings.token_in = token_in;
        let request = format!("{}<ping xmlns='urn:xmpp:ping'/></iq>", request.trim_end());
        Proxy::fixed(settings).forwarded(&request)
    };
    let in_resource = forwarded(TokenIn::Resource);
    let shown = claims::text("docs/token.md", "from='proxy.domain.example/TOKEN'");
    let shown = shown.trim_end().replace("TOKEN", in_resource.token());
    assert!(in_resource.xml.contains(&shown), "{}", in_resource.xml);

    let in_id = forwarded(TokenIn::Id);
    let shown = claims::text("docs/token.md", "<iq type='get' id='TOKEN'");
    let shown = shown.replace("TOKEN", &in_id.id);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Attributes stay in the order in which the user wrote them.
    let tag = in_id.xml.split_once("<ping").unwrap().0;
    assert_eq!(words(tag), words(&shown));
    assert_eq!(in_id.id.len(), in_resource.token().len());
}

#[test]
#[ignore = "needs python3"]
fn the_sticky_hash_of_the_document_chooses_alike() {
    let resources = ["a", "b", "Gajim.ÄÖ 7", "0f1e2d"];
    let users: Vec<_> = (0..200).map(|i| format!("user{i}@some-domain.example")).collect();
    let weight = |user: &str, r: &str| sticky_weight(sticky_hash(user), sticky_hash(r));
    let chosen: Vec<_> =
        users.iter().map(|u| resources.iter().max_by_key(|r| weight(u, r)).unwrap()).collect();
    let input = json!({ "resources": resources, "users": users }).to_string();
    let code = block("docs/dispatch.md", "python") + PYTHON_STICKY_TEST;
    let output = interpreter::run(interpreter::PYTHON, &["-c", &code], &input);
    assert_eq!(output.trim_end(), json!(chosen).to_string());
}

#[test]
fn the_tests_that_the_threat_model_names_are_there() {
    let text = read("docs/threat-model.md");
    let spans = text.split('`').skip(1).step_by(2);
    let named: Vec<_> = spans.filter_map(|span| span.rsplit_once("::")).collect();
    assert!(named.len() > 30, "{named:?}");
    for (place, name) in named.into_iter().filter(|(_, name)| *name != "name") {
        let paths = ["tests", "src", "core/tests", "core/src"].map(|it| format!("{it}/{place}"));
        let files = paths.iter().flat_map(|path| match fs::read_dir(path) {
            Ok(folder) => folder.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => vec![path.into(), format!("{path}.rs").into()],
        });
        let found = files.filter_map(|path: PathBuf| fs::read_to_string(path).ok());
        let found = found.filter(|text| text.contains(&format!("fn {name}(")));
        assert_ne!(found.count(), 0, "{place} has no test {name}");
    }
}

/// The first block of code in this language.
fn block(document: &str, language: &str) -> String {
    pages::first(document, language).text
}

fn read(document: &str) -> String {
    fs::read_to_string(document).expect(document)
}

const PYTHON_STICKY_TEST: &str = r#"
import json, sys
given = json.load(sys.stdin.buffer)
chosen = [choose(user, given["resources"]) for user in given["users"]]
sys.stdout.buffer.write(json.dumps(chosen, ensure_ascii=False, separators=(",", ":")).encode())
"#;
