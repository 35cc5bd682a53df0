use super::*;

const ACCOUNT: &str = "service@localhost";
const PRESENCE: &str = "<presence from='service@localhost/a' to='u\\40localhost@proxy.localhost'>";

/// As the translator does it, without normal forms.
fn replace(value: &str, output: &mut String) -> bool {
    let (bare, resource) = value.split_once('/').unwrap_or((value, ""));
    let own = bare.eq_ignore_ascii_case(ACCOUNT);
    if own {
        output.push_str("helper@proxy.localhost");
        if !resource.is_empty() {
            output.push_str("/alias-of-");
            output.push_str(resource);
        }
    }
    own
}

/// What becomes of the payload after this start tag.
fn scrubbed_behind(tag: &str, payload: &str) -> String {
    let mut output = b"before".to_vec();
    let scrubbed =
        Scrubber::default().write(tag.as_bytes(), payload.as_bytes(), replace, &mut output);
    let output = String::from_utf8(output).unwrap().strip_prefix("before").unwrap().to_owned();
    assert_eq!(scrubbed.changed, output != payload, "{output}");
    assert!(is_suspect(payload.as_bytes(), ACCOUNT) || !scrubbed.changed, "{payload}");
    output
}

fn scrubbed(payload: &str) -> String {
    scrubbed_behind(PRESENCE, payload)
}

#[test]
fn a_delay_in_presence_does_not_name_the_account() {
    let caps = "<show>away</show><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' \
        node='http://slixmpp.com/ver/1.8.3' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>";
    for from in ["localhost", "service@localhost/a", "SERVICE@localhost/A"] {
        // Prosody, and ejabberd, which writes what was typed at login.
        for delay in [
            format!("<delay xmlns='urn:xmpp:delay' stamp='2024-05-01T10:00:00Z' from='{from}'/>"),
            format!("<delay xmlns='urn:xmpp:delay' from='{from}' stamp='2024-05-01T10:00:00Z'/>"),
            format!(
                "<delay from='{from}' stamp='2024-05-01T10:00:00Z' xmlns='urn:xmpp:delay'></delay>"
            ),
        ] {
            let without = delay.replace(&format!(" from='{from}'"), "");
            assert_eq!(
                scrubbed(&format!("{caps}{delay}</presence>")),
                format!("{caps}{without}</presence>")
            );
        }
    }
    let plain = format!("{caps}</presence>");
    assert!(!is_suspect(plain.as_bytes(), ACCOUNT));
    assert_eq!(scrubbed(&plain), plain);
}

#[test]
fn an_event_of_the_account_comes_from_the_face() {
    let event = |publisher: &str, jid: &str| {
        format!(
            "<event xmlns='http://jabber.org/protocol/pubsub#event'>\
            <items node='urn:xmpp:avatar:metadata'>\
            <item id='111f4b3c' publisher='{publisher}'>\
            <metadata xmlns='urn:xmpp:avatar:metadata'><info bytes='12' url='xmpp:{ACCOUNT}'/>\
            </metadata></item></items></event>\
            <addresses xmlns='http://jabber.org/protocol/address'>\
            <address type=\"replyto\" jid=\"{jid}\"/></addresses></message>"
        )
    };
    assert_eq!(
        scrubbed_behind(
            "<message type='headline'>",
            &event("service@localhost", "SERVICE@localhost/A")
        ),
        event("helper@proxy.localhost", "helper@proxy.localhost/alias-of-A")
    );
}

#[test]
fn items_of_the_account_are_items_of_the_face() {
    let items = |jid: &str| {
        format!(
            "<query xmlns='http://jabber.org/protocol/disco#items'>\
            <item jid='{jid}' node='urn:xmpp:microblog:0' name='{ACCOUNT} writes'/>\
            <item jid='other@localhost'/><item jid='localhost'/></query></iq>"
        )
    };
    assert_eq!(
        scrubbed_behind("<iq type='result'>", &items("service@localhost")),
        items("helper@proxy.localhost")
    );
}

#[test]
fn only_whole_values_are_addresses() {
    for payload in [
        "<a b='service@localhost.org'/></presence>",
        "<a b='xmpp:service@localhost'/></presence>",
        "<a b='service@localhost service@localhost'/></presence>",
        "<status>service@localhost/a</status></presence>",
        "<a xmlns='service@localhost'/></presence>",
        "<p:a xmlns:p='service@localhost'/></presence>",
        "<![CDATA[<a b='service@localhost'/>]]></presence>",
        "<!-- <a b='service@localhost'/> --></presence>",
        "<?a b='service@localhost'?></presence>",
        "<delay from='localhost'/></presence>",
        "<delay xmlns='urn:xmpp:delayed' from='localhost'/></presence>",
        "<x xmlns='urn:xmpp:delay' from='localhost'/></presence>",
        "",
    ] {
        assert_eq!(scrubbed(payload), payload);
    }
}

#[test]
fn quotes_and_spaces_stay_and_what_is_new_is_escaped() {
    assert_eq!(
        scrubbed(
            "<a\n  b = \"service@localhost/&apos;&#60;\"\tp:c='service&#64;localhost' /></presence>"
        ),
        "<a\n  b = \"helper@proxy.localhost/alias-of-&apos;&lt;\"\tp:c='helper@proxy.localhost' />\
         </presence>"
    );
}

#[test]
fn a_delay_is_known_by_its_namespace_however_that_is_written() {
    let delays = [
        (PRESENCE, "<d:delay xmlns:d='urn:xmpp:delay' from='x' stamp='s'/>"),
        (PRESENCE, "<d:delay from='x' stamp='s' xmlns:d = \"urn:xmpp:del&#97;y\" />"),
        (PRESENCE, "<x xmlns:d='urn:xmpp:delay'><y/><d:delay from='x'>z</d:delay></x>"),
        (PRESENCE, "<x xmlns='urn:xmpp:delay'><y/><delay from='x'>z</delay></x>"),
        (PRESENCE, "<x xmlns='urn:xmpp:delay'><y xmlns=''/><delay  from='x'/></x>"),
        ("<presence xmlns:d='urn:xmpp:delay'>", "<x xmlns:d='y'/><d:delay from='x'/>"),
        ("<presence xmlns:d='y'>", "<x xmlns:d='urn:xmpp:delay'><d:delay from='x'/></x>"),
    ];
    for (tag, delay) in delays {
        let payload = format!("{delay}</presence>");
        assert_eq!(scrubbed_behind(tag, &payload), payload.replace(" from='x'", ""), "{payload}");
    }
    let others = [
        (PRESENCE, "<d:delay xmlns:d='urn:y' xmlns='urn:xmpp:delay' from='x'/>"),
        (PRESENCE, "<x xmlns='urn:xmpp:delay'><delay xmlns='' from='x'/></x>"),
        (PRESENCE, "<x xmlns='urn:xmpp:delay'/><delay from='x'/>"),
        (PRESENCE, "<x xmlns:d='urn:xmpp:delay'><y xmlns:d='y'><d:delay from='x'/></y></x>"),
        (PRESENCE, "<d:delay xmlns:d='urn:xmpp:delay' d:from='x'/>"),
        (PRESENCE, "<d:mydelay xmlns:d='urn:xmpp:delay' from='x'/>"),
    ];
    for (tag, other) in others {
        let payload = format!("{other}</presence>");
        assert_eq!(scrubbed_behind(tag, &payload), payload);
    }
}

#[test]
fn the_quick_check_suffices_for_most_payloads() {
    let suspect = |payload: &str, account| is_suspect(payload.as_bytes(), account);
    for payload in [
        "<status>Grüße &amp; write to service@localhost</status></presence>",
        "<a b='other@localhost' c='xservice@localhost'/></presence>",
        "<a b='é' c='localhost'/></presence>",
    ] {
        assert!(!suspect(payload, ACCOUNT), "{payload}");
    }
    for payload in [
        "<a b='é@localhost'/>",
        "<a b=\"SERVICE@\"/>",
        "<a b='&#x40;'/>",
        "<a b='ser&amp;vice@x'/>",
        "<d:delay/>",
    ] {
        assert!(suspect(payload, ACCOUNT), "{payload}");
    }
    for (payload, wanted) in [
        ("<a b='some.example'/>", true),
        ("<a b=\"SOME.example./r\"/>", true),
        ("<a b='xn--some.example'/>", true),
        ("<a b='ｓome.example'/>", true),
        ("<a b='user@some.example'/>", false),
        ("<a b='some.example.org'/>", false),
        ("some.example", false),
    ] {
        assert_eq!(suspect(payload, "some.example"), wanted, "{payload}");
    }
}

#[test]
fn what_is_not_well_formed_is_copied() {
    for broken in ["<", "<a", "<a b", "<![CDATA[", "&", "</a", "<!", "<a b='service@localhost' c>"]
    {
        let payload = format!("<x/>{broken}");
        let output = scrubbed(&payload);
        assert!(output.starts_with("<x/>"), "{output}");
    }
    let many = "</a>".repeat(3) + "<a b='service@localhost'/>";
    assert_eq!(scrubbed(&many), many.replace(ACCOUNT, "helper@proxy.localhost"));
}

/// Hostile payloads take no longer for a byte than others: if everything open or declared were
/// searched each time, this test would not end in any reasonable time.
#[test]
fn nesting_and_declarations_do_not_slow_it_down() {
    let deep = "<a xmlns:d='urn:xmpp:delay'>".repeat(100_000);
    let wide: String = (0..100_000).map(|n| format!(" xmlns:p{n}='urn:xmpp:delay'")).collect();
    let wide = format!("<a{wide}>") + &"<z:delay from='x'/>".repeat(100_000);
    let at = "@'".repeat(200_000);
    for payload in [deep, wide, at] {
        assert_eq!(scrubbed(&payload), payload);
    }
}
