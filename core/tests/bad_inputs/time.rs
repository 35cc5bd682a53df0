//! No stanza takes more than linear time: a byte costs much the same in a large one as in a
//! small one, whatever it consists of and however it is cut. Processor time is measured, since
//! other work on the machine does not add to it.

use std::time::Duration;

use core_tests::twin::{PING, Proxy, TARGET, USER};
use rustix::time::{ClockId, clock_gettime};

const SMALL: usize = 4_000;
const LARGE: usize = 400_000;
/// Quadratic time would make this 100.
const MOST: f64 = 12.0;

/// Payloads of about `size` bytes, each full of another construct.
fn dense(size: usize) -> Vec<(&'static str, String)> {
    let fill = |unit: &str| unit.repeat(size / unit.len());
    let numbered = |unit: &dyn Fn(usize) -> String| -> String {
        (0..size / unit(9_999).len()).map(unit).collect()
    };
    vec![
        ("text", format!("<x>{}</x>", fill("x"))),
        ("tags", format!("<x>{}</x>", fill("<a/>"))),
        ("nested tags", format!("<x>{}</x>", fill(&("<a>".repeat(99) + &"</a>".repeat(99))))),
        ("attributes", format!("<x{}/>", numbered(&|i| format!(" a{i}=''")))),
        ("references", format!("<x>{}</x>", fill("&amp;"))),
        ("references in a value", format!("<x a='{}'/>", fill("&#65;"))),
        ("declarations", format!("<x{}/>", numbered(&|i| format!(" xmlns:p{i}='u'")))),
        ("prefixes", {
            let declared: String = (0..60).map(|i| format!(" xmlns:p{i}='u'")).collect();
            format!("<x{declared}>{}</x>", fill("<p59:a p58:b=''/>"))
        }),
        ("long prefixes", {
            let long = "p".repeat(size / 200);
            let declared: String = (0..60).map(|i| format!(" xmlns:{long}{i}='u'")).collect();
            format!("<x{declared}>{}</x>", fill(&format!("<{long}59:a/>")))
        }),
        ("brackets", format!("<x><![CDATA[{}]]></x>", fill("]] ] "))),
        ("sections", format!("<x>{}</x>", fill("<![CDATA[]]>"))),
        ("quotes", format!("<x a=\"{}\"/>", fill("'>"))),
        ("characters of four bytes", format!("<x>{}</x>", fill("😀"))),
        ("ampersand at last", format!("<x>{}&amp;</x>", fill(";"))),
    ]
}

fn request(payload: &str) -> String {
    format!("<iq type='get' id='7' to='proxy.example' from='{USER}'>{payload}</iq>")
}

/// Nanoseconds a byte when `input` is read in pieces of this size; the best of a few runs.
fn cost(input: &str, piece: usize, runs: usize) -> f64 {
    let mut proxy = Proxy::new();
    let once = || {
        let start = processor_time();
        proxy.feed_in_pieces(input.as_bytes(), piece);
        processor_time() - start
    };
    let best = std::iter::repeat_with(once).take(runs).min().unwrap_or(Duration::ZERO);
    best.as_nanos() as f64 / input.len() as f64
}

/// The processor time of this thread so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("time goes forward")
}

#[test]
fn a_byte_costs_the_same_in_large_stanzas() {
    for piece in [usize::MAX, 1] {
        for ((name, small), (_, large)) in dense(SMALL).into_iter().zip(dense(LARGE)) {
            let (small, large) =
                (cost(&request(&small), piece, 5), cost(&request(&large), piece, 2));
            println!("{name}, pieces of {piece}: {small:.1} and {large:.1} ns a byte");
            assert!(large < small * MOST, "{name}: {small:.1} and {large:.1} ns a byte");
        }
    }
}

#[test]
fn a_byte_costs_the_same_in_large_replies_presence_and_rubbish() {
    type Shape = fn(&str) -> String;
    let shapes: [(&str, Shape); 5] = [
        ("reply", |p| format!("<iq type='result' to='proxy.example/x' from='{TARGET}/a'>{p}</iq>")),
        ("presence", |p| format!("<presence to='proxy.example' from='{TARGET}/c'>{p}</presence>")),
        ("message", |p| format!("<message to='proxy.example' from='{USER}'>{p}</message>")),
        ("id", |p| {
            format!("<iq id='{}' to='proxy.example' from='u@s'>{PING}</iq>", "x".repeat(p.len()))
        }),
        ("rubbish", |p| format!("<foo>{p}</foo>")),
    ];
    for (name, shape) in shapes {
        let of = |size| shape(&format!("<x>{}</x>", "<a b='&lt;'/>".repeat(size / 13)));
        let (small, large) = (cost(&of(SMALL), usize::MAX, 5), cost(&of(LARGE), usize::MAX, 2));
        println!("{name}: {small:.1} and {large:.1} ns a byte");
        assert!(large < small * MOST, "{name}: {small:.1} and {large:.1} ns a byte");
    }
}
