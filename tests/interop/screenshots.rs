//! The pictures in the documents: the page on a real server, and the demo.
//! `tests/screenshots --documents` makes them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use test_support::browser::{self, DARK, LIGHT};
use test_support::interop::client::{is_reply, is_request};
use test_support::interop::scene::Scene;
use test_support::interop::server::{Kind, fresh_folder};

case!(for_the_documents: prosody);
fn for_the_documents(kind: Kind) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    fs::create_dir_all(&folder).expect("the repository is ours");
    let scene = Scene::new(kind);
    let mut services = [scene.service("a"), scene.another("b")];
    scene.proxy.wait_online(&[&services[0].jid, &services[1].jid]);
    let mut user = scene.user();
    let mut asked = 0_u32;
    browser::for_a_while(|at| {
        let wave = (at.as_secs_f64() / 40.0 * std::f64::consts::TAU).sin() + 1.4;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 10")]
        for _ in 0..(wave * 3.0) as usize {
            asked += 1;
            user.ask(&scene.domain, &asked.to_string());
        }
        for service in &mut services {
            while let Some(request) = service.try_receive_where(A_MOMENT, is_request) {
                service.answer(&request, "");
            }
        }
        while user.try_receive_where(A_MOMENT, is_reply).is_some() {}
    });
    let url = scene.proxy.page();
    browser::shoot(&url, &folder.join("page-light.png"), "1100,945", LIGHT);
    browser::shoot(&url, &folder.join("page-dark.png"), "1100,945", DARK);
    browser::shoot(&url, &folder.join("page-narrow.png"), "420,1730", LIGHT);

    let demo = Command::new("script")
        .args(["-qec", &format!("{} demo", env!("CARGO_BIN_EXE_jat-proxy")), "/dev/null"])
        .output()
        .expect("script, which Debian always has");
    assert!(demo.status.success(), "{demo:?}");
    let html = fresh_folder("demo").join("demo.html");
    fs::write(&html, terminal(&String::from_utf8(demo.stdout).expect("text"))).unwrap();
    browser::shoot(
        &format!("file://{}", html.display()),
        &folder.join("demo.png"),
        "760,820",
        DARK,
    );
}

/// A terminal with this text, as a page.
fn terminal(text: &str) -> String {
    let text = text.replace('\r', "").replace('&', "&amp;").replace('<', "&lt;");
    let codes =
        [("1", "<span class=bold>"), ("32", "<span class=green>"), ("36", "<span class=cyan>")];
    let page = codes
        .iter()
        .chain(&[("0", "</span>")])
        .fold(text, |text, (code, tag)| text.replace(&format!("\u{1b}[{code}m"), tag));
    assert!(!page.contains('\u{1b}'), "a code that is not known: {page}");
    format!("<meta charset=utf-8><style>{TERMINAL}</style><pre>{page}</pre>")
}

const A_MOMENT: Duration = Duration::from_millis(1);
/// A dark terminal with 80 columns.
const TERMINAL: &str = "\
    body { margin: 0; background: #1b1d23; color: #d7dae0 } \
    pre { margin: 0; padding: 18px; font: 14px/1.35 'DejaVu Sans Mono', monospace; \
    white-space: pre-wrap; word-break: break-all; width: 80ch } \
    .bold { color: #fff; font-weight: bold } .green { color: #7ec16e } .cyan { color: #56b6c2 }";
