//! Payloads that servers inflate: a raw `>` or `'` is one byte as its sender may write it, and
//! four or six bytes when a server writes it again. If that is too large, the stanza is refused, and
//! the stream stays up. The measure is what two clients can send each other directly.

use test_support::interop::client::{Client, is_request};
use test_support::interop::scene::Scene;
use test_support::interop::server::{Kind, Software};
use test_support::interop::stanza::Stanza;

/// The maximum size of a stanza, both ways.
const LIMIT: usize = 500_000;
/// Addresses with a token are longer.
const ADDRESSES: usize = 1_000;

/// So many of a character, raw in the text of an element or in an attribute.
#[derive(Clone, Copy, Debug)]
enum Payload {
    Text(char),
    Attribute(char),
}

const PAYLOADS: [Payload; 4] =
    [Payload::Text('>'), Payload::Attribute('>'), Payload::Text('\''), Payload::Attribute('\'')];

impl Payload {
    fn write(self, count: usize) -> String {
        match self {
            Payload::Text(c) => {
                format!("<q xmlns='urn:q'>{}</q>", c.to_string().repeat(count))
            }
            Payload::Attribute(c) => {
                format!("<q xmlns='urn:q' a=\"{}\"/>", c.to_string().repeat(count))
            }
        }
    }
}

case!(what_servers_inflate_is_relayed_up_to_the_limit_and_then_refused: both);
fn what_servers_inflate_is_relayed_up_to_the_limit_and_then_refused(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let (mut refused, mut relayed) = (0, 0);
    for payload in PAYLOADS {
        for count in [50_000, 80_000, 130_000, 400_000] {
            let xml = payload.write(count);
            let direct = said_directly(&mut user, &mut service, &xml);
            let size = direct.bytes.len();
            println!("{kind}: {count} {payload:?} become {size} bytes");
            let shown = format!("{count} {payload:?}, {size} bytes");
            // A server may need as many bytes after a tag.
            let needs = if let Payload::Attribute(_) = payload { 2 * size } else { size };
            assert!(needs + ADDRESSES < LIMIT || needs > LIMIT, "too near to the limit: {shown}");
            let fits = needs < LIMIT;
            ask(&mut user, &scene.domain, &xml);
            if fits {
                let request = service.receive_request();
                assert_eq!(request.nodes, direct.nodes, "{shown}");
                service.answer(&request, &xml);
                assert_eq!(user.receive_reply("r").nodes, direct.nodes, "{shown}");
                relayed += 1;
            } else {
                let (condition, _) = user.receive_reply("r").error().unwrap();
                assert_eq!(condition, "policy-violation", "{shown}");
                user.ask(&scene.domain, "large-reply");
                let request = service.receive_request();
                service.answer(&request, &xml);
                let reply = user.receive_reply("large-reply");
                assert_eq!(reply.error().unwrap().0, "policy-violation", "{shown}");
                refused += 1;
            }
            scene.round_trip(&mut user, &mut service);
        }
    }
    // Both have to occur.
    assert!(relayed > 4 && refused > 4, "{relayed} relayed, {refused} refused");
    assert_eq!(scene.proxy.reason("over-limit"), 2 * refused);
    assert_eq!(scene.proxy.logins(), 1);
}

// The reason for the default limit.
case!(what_ends_the_stream_on_prosody_is_over_the_default_limit: both);
fn what_ends_the_stream_on_prosody_is_over_the_default_limit(kind: Kind) {
    let limits = "[limits]\nmax-stanza-bytes = 1000000\n";
    let scene = Scene::with(kind, |settings| settings.top = limits.into());
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let at_limit = Payload::Text('>').write((LIMIT - ADDRESSES) / 4);
    let above = Payload::Text('>').write(600_000 / 4);
    ask(&mut user, &scene.domain, &at_limit);
    service.receive_request();
    assert_eq!(scene.proxy.logins(), 1);
    ask(&mut user, &scene.domain, &above);
    match kind.software {
        Software::Prosody => {
            scene.proxy.wait_until("another login", |proxy| proxy.logins() == 2);
            scene.proxy.wait_online(&[&service.jid]);
            scene.round_trip(&mut user, &mut service);
        }
        Software::Ejabberd | Software::Jabberd2 => {
            service.receive_request();
            assert_eq!(scene.proxy.logins(), 1);
        }
    }
}

fn ask(user: &mut Client, to: &str, payload: &str) {
    user.send(format!("<iq type='get' id='r' to='{to}'>{payload}</iq>"));
}

/// What one client gets when the other sends it directly.
fn said_directly(from: &mut Client, to: &mut Client, payload: &str) -> Stanza {
    ask(from, &to.jid, payload);
    let direct = to.receive_where("the direct request", is_request);
    to.answer(&direct, "");
    from.receive_reply("r");
    direct
}
