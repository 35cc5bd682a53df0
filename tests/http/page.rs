//! The page, without a browser: well formed, self-contained, without scripts, with everything that is
//! in the status, and safe from what users and servers send.

use std::collections::HashSet;

use base64ct::{Base64, Encoding};
use rxml::{Parse, Parser};
use sha2::{Digest, Sha256};
use test_support::http::HttpAnswer;
use test_support::port::free_address;
use test_support::watched::{self, server};

#[test]
fn a_page_says_what_is_wrong_and_what_to_do() {
    let daemon = watched::start(free_address());
    daemon.wait_for("/readyz", |answer| !answer.body.contains("connecting"));
    let page = Page::of(&daemon.get("/"));
    assert!(page.text.contains("0 of 2 components are ready."), "{}", page.text);
    assert!(page.text.contains("is the server running"), "{}", page.text);
    // The same words as on the command line.
    let output = daemon.command(&["status"]);
    let status = String::from_utf8(output.stdout).expect("UTF-8");
    let line = |label: &str| {
        let line = status.lines().find_map(|l| l.trim_start().strip_prefix(label));
        line.expect(label).trim().to_owned()
    };
    for label in ["ready", "stream", "domain", "keys", "subscription"] {
        for part in line(label).split("; ") {
            assert!(page.text.contains(part), "{label}: {part}\n{}", page.text);
        }
    }
    let (plain, refreshing) = (daemon.get("/").body, daemon.get("/?refresh").body);
    assert!(!plain.contains("http-equiv") && refreshing.contains("http-equiv=\"refresh\""));
    Page::of(&daemon.get("/?refresh"));
    Page::of(&daemon.get("/?refresh=%3Cscript%3E"));
}

#[test]
fn nobody_outside_writes_into_the_page() {
    let server = server::start();
    let daemon = watched::start(server.address);
    daemon.wait_for("/readyz", |answer| answer.body.contains("fixed.example: ready\n"));
    let hostile = [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&quot;&gt;&lt;img src=x onerror=alert(1)&gt;",
        "&apos; onmouseover=&apos;alert(1)",
        "]]&gt;&lt;!--",
        "&amp;lt;b&amp;gt;",
        "abc\u{202e}nimda\u{2066}",
        "a\u{200f}\u{61c}b",
        "שלום",
        "javascript:alert(1)",
        &"ä".repeat(511),
    ];
    let mut presence =
        "<presence type='subscribed' from='bot@some.example' to='proxy.example'/>".to_owned();
    for resource in hostile {
        presence += &format!("<presence from='bot@some.example/{resource}' to='proxy.example'/>");
    }
    // Texts in attributes that are not addresses.
    presence += "<message from='&lt;script&gt;@x/y' to='proxy.example'><body/></message>";
    server.say("proxy.example", &presence);
    let online =
        |answer: &HttpAnswer| answer.body.matches("<td>online</td>").count() >= hostile.len();
    let page = Page::of(&daemon.wait_for("/", online));
    assert!(page.text.contains("/<script>alert(1)</script>"), "{}", page.text);
    assert!(page.text.contains("/\"><img src=x onerror=alert(1)>"), "{}", page.text);
    assert!(page.text.contains("/&lt;b&gt;"), "{}", page.text);
    assert!(page.text.contains("/abc\u{fffd}nimda\u{fffd}"), "{}", page.text);
    assert!(page.text.contains("ää… (1"), "a long one is cut: {}", page.text);
    assert!(page.text.contains("message-refused"), "{}", page.text);
    // The command line shows no control sequences for a terminal.
    let text = String::from_utf8(daemon.command(&["status"]).stdout).expect("UTF-8");
    assert!(!text.contains(['\u{1b}', '\u{7f}']));
}

#[test]
fn five_hundred_resources_make_no_endless_page() {
    let server = server::start();
    let daemon = watched::start(server.address);
    daemon.wait_for("/readyz", |answer| answer.body.contains("fixed.example: ready\n"));
    let mut presence =
        "<presence type='subscribed' from='bot@some.example' to='proxy.example'/>".to_owned();
    for number in 0..500 {
        presence += &format!("<presence from='bot@some.example/r{number}' to='proxy.example'/>");
    }
    server.say("proxy.example", &presence);
    let all = |answer: &HttpAnswer| answer.body.contains("And 480 more");
    let answer = daemon.wait_for("/", all);
    assert_eq!(Page::of(&answer).text.matches("bot@some.example/r").count(), 20);
    assert!(answer.body.len() < 64 * 1024, "{} bytes", answer.body.len());
}

/// A document that was read.
struct Page {
    /// Its text without tags.
    text: String,
}

impl Page {
    /// Reads a page, and panics if it violates a rule.
    fn of(answer: &HttpAnswer) -> Self {
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("content-type: text/html; charset=utf-8"), "{}", answer.head);
        let document = answer.body.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
        let mut parser = Parser::new();
        let mut bytes = document.as_bytes();
        let (mut text, mut open, mut ids) = (String::new(), Vec::new(), HashSet::new());
        while let Some(event) = parser.parse(&mut bytes, true).expect("well-formed XML") {
            match event {
                rxml::Event::StartElement(_, (_, name), attributes) => {
                    assert!(KNOWN.contains(&name.as_str()), "<{name}> on the page");
                    for ((_, attribute), value) in &attributes {
                        let (attribute, value) = (attribute.as_str(), value.as_str());
                        assert!(!attribute.starts_with("on") && attribute != "style");
                        assert!(!["src", "action", "data", "poster"].contains(&attribute));
                        match attribute {
                            "href" => assert!(value.starts_with(['#', '/']), "{value}"),
                            "id" => assert!(ids.insert(value.to_owned()), "two ids {value}"),
                            _ => {}
                        }
                    }
                    if name == "th" {
                        assert!(!attributes.is_empty(), "a header of nothing");
                    }
                    open.push(name.to_string());
                }
                rxml::Event::EndElement(_) => {
                    // Two cells are two words.
                    text.push('\n');
                    open.pop();
                }
                rxml::Event::Text(_, piece) if open.last().is_none_or(|name| name != "style") => {
                    text += &piece;
                }
                rxml::Event::Text(..) | rxml::Event::XmlDeclaration(..) => {}
            }
        }
        assert!(!document.contains("url(") && !document.contains("@import"));
        // Each link has a target on the page.
        let targets = document.split("href=\"#").skip(1).map(|rest| rest.split('"').next());
        assert!(targets.flatten().all(|target| ids.contains(target)));
        // The policy allows this style sheet and nothing else.
        let style =
            document.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
        let hash = Base64::encode_string(&Sha256::digest(style.expect("a style sheet").0));
        let policy = answer.head.lines().find_map(|l| l.strip_prefix("content-security-policy: "));
        let policy = policy.expect("a policy");
        assert!(policy.contains("default-src 'none'; "), "{policy}");
        assert!(
            policy.contains(&format!("style-src 'sha256-{}'", hash.to_lowercase())),
            "{policy}"
        );
        Self { text }
    }
}

/// What may be on the page: no script, frame, form, image or object.
const KNOWN: [&str; 36] = [
    "a",
    "bdi",
    "body",
    "br",
    "caption",
    "div",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "head",
    "header",
    "html",
    "li",
    "main",
    "meta",
    "nav",
    "p",
    "path",
    "section",
    "span",
    "strong",
    "style",
    "svg",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
    "dl",
    "dt",
    "dd",
];
