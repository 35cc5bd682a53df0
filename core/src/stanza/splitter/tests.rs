//! Wherever the bytes are cut, the result is the same; what is over a limit is skipped; what no
//! server may send is an error.

use super::*;

const LIMITS: Limits = Limits { max_bytes: 200, max_tag: 120, max_depth: 4, max_attributes: 3 };

/// What the splitter returns for `input` when it is cut at `cuts`, each element as its text, and
/// the most bytes it held at once.
fn split(input: &[u8], cuts: &[usize]) -> (Vec<String>, usize) {
    let mut splitter = Splitter::new(LIMITS);
    let mut buffer = Vec::new();
    let mut said = Vec::new();
    let mut held = 0;
    let mut from = 0;
    let ends = cuts.iter().copied().chain([input.len()]);
    for end in ends.map(|cut| cut.min(input.len())) {
        buffer.extend(&input[from..end.max(from)]);
        from = end.max(from);
        loop {
            let text = |from, to| String::from_utf8_lossy(&buffer[from..to]).into_owned();
            match splitter.next(&buffer) {
                Ok(None) => break,
                Ok(Some(Piece::Element(e))) => {
                    let (tag, rest) = (text(e.tag.start, e.tag.end), text(e.tag.end, e.end));
                    let namespaces = if e.namespaces_ok { "" } else { " bad namespaces" };
                    said.push(format!("{tag}|{rest} {}{namespaces}", e.children));
                }
                Ok(Some(Piece::OverLimit { tag, children })) => {
                    let tag = tag.map(|tag| text(tag.start, tag.end));
                    said.push(format!("over {tag:?} {children}"));
                }
                Ok(Some(Piece::StreamEnd)) => said.push("end".into()),
                Err(error) => {
                    said.push(error.to_string());
                    return (said, held);
                }
            }
        }
        let done = splitter.done();
        buffer.drain(..done);
        splitter.rebase();
        held = held.max(buffer.len());
    }
    (said, held)
}

fn whole(input: &str) -> Vec<String> {
    let bytes: Vec<usize> = (0..input.len()).collect();
    let (said, _) = split(input.as_bytes(), &[]);
    assert_eq!(split(input.as_bytes(), &bytes).0, said, "byte by byte: {input}");
    said
}

#[test]
fn elements_are_cut_out_as_they_are() {
    assert_eq!(
        whole(" <iq a='>/'><x/>t<z/></iq>\n<foo/></stream:stream>"),
        ["<iq a='>/'>|<x/>t<z/></iq> 2", "<foo/>| 0", "end"]
    );
    assert_eq!(
        whole("<a><![CDATA[</a>]]]]><b>]]&gt;&#10;é😀</b ></a>"),
        ["<a>|<![CDATA[</a>]]]]><b>]]&gt;&#10;é😀</b ></a> 1"]
    );
}

#[test]
fn what_is_over_a_limit_is_reported_once_and_skipped() {
    let long = format!("<iq id='1'><x/>{}</iq><ok/>", "y&amp;".repeat(99));
    assert_eq!(whole(&long), ["over Some(\"<iq id='1'>\") 1", "<ok/>| 0"]);
    let deep = format!("<iq>{}{}</iq><ok/>", "<x>".repeat(9), "</x>".repeat(9));
    assert_eq!(whole(&deep), ["over Some(\"<iq>\") 1", "<ok/>| 0"]);
    let edge = "<iq><x><x><x/></x></x></iq><iq><x><x><x><x/></x></x></x></iq><ok/>";
    assert_eq!(
        whole(edge),
        ["<iq>|<x><x><x/></x></x></iq> 1", "over Some(\"<iq>\") 1", "<ok/>| 0"]
    );
    let head =
        format!("<iq id='{}'/><iq id='{}'><x/></iq><ok/>", "x".repeat(300), "/>".repeat(150));
    assert_eq!(whole(&head), ["over None 0", "over None 0", "<ok/>| 0"]);
    let attributes =
        "<iq a='' b='' c=''/><iq a='' b='' c='' d=''/><iq a='' b='' c='' d=''><x/></iq><ok/>";
    assert_eq!(
        whole(attributes),
        ["<iq a='' b='' c=''/>| 0", "over None 0", "over None 0", "<ok/>| 0"]
    );
}

/// The other splitter knows only what is handed over.
#[test]
fn another_splitter_goes_on_skipping_at_each_byte() {
    let within = "<x a='>'/><y b=\"'\">é<![CDATA[</iq>]]]]>&amp;</y ><z\n/>";
    let text = format!("<iq id='1'>{}{within}</iq><ok/>", "x".repeat(300));
    let mut skipped = 0;
    for cut in 0..text.len() {
        let before = &text.as_bytes()[..cut];
        let mut one = Splitter::new(LIMITS);
        while one.next(before).unwrap().is_some() {}
        let Some(state) = one.skipped() else { continue };
        skipped += 1;
        let state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        let rest = &text.as_bytes()[one.needed()..];
        let mut other = Splitter::resume(LIMITS, &state, &rest[..cut - one.needed()]);
        let Piece::Element(element) = other.next(rest).unwrap().unwrap() else {
            panic!("{cut}: what is skipped is told again");
        };
        assert_eq!(&rest[element.tag.start..element.end], b"<ok/>", "{cut}");
    }
    assert!(skipped > within.len(), "{skipped}");
}

#[test]
fn bad_namespaces_are_told() {
    assert_eq!(
        whole("<iq xmlns:p='u'><p:a><p:b/></p:a></iq><iq><p:a/></iq><iq><a><b q:c='1'/></a></iq>"),
        [
            "<iq xmlns:p='u'>|<p:a><p:b/></p:a></iq> 1",
            "<iq>|<p:a/></iq> 1 bad namespaces",
            "<iq>|<a><b q:c='1'/></a></iq> 1 bad namespaces"
        ]
    );
}

#[test]
fn the_byte_limit_is_exact() {
    let of = |bytes: usize| format!("<iq>{}</iq>", "x".repeat(bytes - 9));
    assert!(whole(&of(200))[0].starts_with("<iq>|"));
    assert_eq!(whole(&of(201)), ["over Some(\"<iq>\") 0"]);
}

#[test]
fn skipping_holds_nothing() {
    let endless = format!("<iq>{}", "<x a='b'><![CDATA[ ]] ]]>&amp;".repeat(50_000));
    let cuts: Vec<usize> = (0..endless.len()).step_by(100).collect();
    let (said, held) = split(endless.as_bytes(), &cuts);
    assert_eq!(said, ["over Some(\"<iq>\") 1"]);
    assert!(held <= LIMITS.max_bytes, "{held}");
    let (said, held) = split(" ".repeat(100_000).as_bytes(), &cuts);
    assert_eq!((said.len(), held), (0, 0));
}

#[test]
fn what_no_server_may_send_ends_the_stream() {
    for (input, error) in [
        ("<a><!-- x --></a>", XmlError::Comment),
        ("<?xml version='1.0'?>", XmlError::ProcessingInstruction),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]>", XmlError::Doctype),
        ("<a>&nbsp;</a>", XmlError::Entity),
        ("<a>&#1;</a>", XmlError::Entity),
        ("<a b='&nbsp;'/>", XmlError::Tag),
        ("<a b=c/>", XmlError::Tag),
        ("<a b='1' / >", XmlError::Tag),
        ("<>", XmlError::Tag),
        ("< a/>", XmlError::Tag),
        ("<1/>", XmlError::Tag),
        ("<a></b>", XmlError::EndTag),
        ("</a>", XmlError::EndTag),
        ("x", XmlError::Text),
        ("&amp;", XmlError::Text),
        ("<![CDATA[x]]>", XmlError::Text),
        ("<stream:stream>", XmlError::SecondHeader),
        ("<a>\u{1}</a>", XmlError::Character),
        ("<a>\u{ffff}</a>", XmlError::Character),
    ] {
        let mut said = whole(&format!("<ok/>{input}"));
        // Garbage may be noticed in the middle of a would-be stanza.
        assert_eq!(said.pop(), Some(error.to_string()), "{input}");
        assert_eq!(said, ["<ok/>| 0"], "{input}");
    }
}

#[test]
fn broken_utf8_ends_the_stream_and_a_cut_character_does_not() {
    for broken in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf0\x9f\x98<"] {
        let input = [b"<ok/><a>", broken, b"</a>"].concat();
        let expected = vec!["<ok/>| 0".to_owned(), XmlError::Utf8.to_string()];
        assert_eq!(split(&input, &[]).0, expected);
        assert_eq!(split(&input, &(0..input.len()).collect::<Vec<_>>()).0, expected);
    }
    assert_eq!(whole("<a>😀</a>"), ["<a>|😀</a> 0"]);
}

#[test]
fn what_a_parser_may_want_behind_a_tag_is_known() {
    let reach = |xml: &str| {
        let mut splitter = Splitter::new(Limits { max_bytes: 1_000, ..LIMITS });
        match splitter.next(xml.as_bytes()) {
            Ok(Some(Piece::Element(element))) => element.reach,
            piece => panic!("{piece:?}"),
        }
    };
    assert_eq!(reach("<iq/>"), 2 * 5);
    assert_eq!(reach("<iq a='0123456789'></iq>"), 2 * 19, "its start tag");
    assert_eq!(reach("<iq><a b='0123456789'/></iq>"), 4 + 2 * 19, "that of a child");
    assert_eq!(reach("<iq></iq  \n  \n >"), 4 + 2 * 12, "an end tag");
    assert_eq!(reach("<iq>&#x00000000000041;</iq>"), 4 + 2 * 18, "a reference");
    assert_eq!(reach("<iq>012345678901234567890123456789</iq>"), 34 + 2 * 5, "text does not wait");
}
