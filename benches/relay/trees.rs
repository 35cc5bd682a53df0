//! The same translation, with the same tokens, as one would usually write it: on tokio-xmpp's
//! stream, with minidom's elements.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use core_tests::bench::stanzas::DOMAIN;
use futures_util::{FutureExt, SinkExt, StreamExt};
use jat_proxy::jat::keyring::{Key, Keyring};
use jat_proxy::jat::token::{self, Binding, Claims};
use jid::Jid;
use rxml::{Namespace, NcNameStr, xml_ncname};
use test_support::bench::driver::{PEER, SECRET};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, XmlStream, initiate_stream};
use xmpp_parsers::component::Handshake;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;
use zeroize::Zeroizing;

/// Relays between the user and the service until `server` closes the connection.
pub fn relay(server: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut stream = log_in(server).await;
        let key = Key::new(1, &Zeroizing::new(vec![0; 32]), None).expect("a key");
        let ring = Keyring::new(vec![key]).expect("a key ring");
        while let Some(mut stanza) = next(&mut stream).await {
            if translate(&mut stanza, &ring).is_some() {
                stream.feed(&stanza).await.expect("the driver reads");
            }
        }
    });
}

async fn log_in(server: &str) -> Stream {
    let socket = TcpStream::connect(server).await.expect("the driver listens");
    socket.set_nodelay(true).expect("a socket");
    let header = StreamHeader { to: Some(Cow::Borrowed(DOMAIN)), from: None, id: None };
    let buffered = BufReader::with_capacity(64 * 1024, socket);
    let opening = initiate_stream(buffered, ns::COMPONENT, header, Timeouts::default());
    let mut opening = opening.await.expect("a stream header");
    let id = opening.take_header().id.expect("a stream id").into_owned();
    let mut stream = opening.skip_features();
    let handshake = Handshake::from_stream_id_and_password(id, SECRET);
    stream.send(&handshake).await.expect("the driver reads");
    next(&mut stream).await.expect("an answer to the handshake");
    stream
}

/// All that was read is translated before anything is written, so that there is one write.
async fn next(stream: &mut Stream) -> Option<Element> {
    loop {
        let next = match stream.next().now_or_never() {
            Some(next) => next,
            None => {
                SinkExt::<&Element>::flush(stream).await.expect("the driver reads");
                stream.next().await
            }
        };
        match next? {
            Ok(element) => return Some(element),
            Err(ReadError::SoftTimeout) => {}
            Err(_) => return None,
        }
    }
}

fn translate(stanza: &mut Element, ring: &Keyring) -> Option<()> {
    let from = stanza.attr("from")?;
    let to: Jid = stanza.attr("to")?.parse().ok()?;
    let asked = to.to_bare().to_string();
    let binding = Binding { asked: &asked, peer: PEER };
    let resource = to.resource().map_or("", |resource| resource.as_str());
    match stanza.attr("type")? {
        "get" | "set" => {
            let claims = Claims::new(from, resource, stanza.attr("id")?).ok()?;
            let token = token::seal(ring.signing(now()), &claims, now() + 3600, &binding);
            set(stanza, xml_ncname!("from"), &format!("{asked}/{token}"));
            set(stanza, xml_ncname!("to"), PEER);
        }
        _ if from == PEER => {
            let token = token::open(ring, resource, &binding, now()).ok()?;
            let claims = token.claims();
            let resource = claims.resource();
            let from =
                if resource.is_empty() { asked.clone() } else { format!("{asked}/{resource}") };
            set(stanza, xml_ncname!("from"), &from);
            set(stanza, xml_ncname!("to"), claims.user());
            set(stanza, xml_ncname!("id"), claims.id());
        }
        _ => return None,
    }
    Some(())
}

fn set(stanza: &mut Element, name: &NcNameStr, value: &str) {
    stanza.set_attr(Namespace::NONE, name.to_owned(), value);
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

type Stream = XmlStream<BufReader<TcpStream>, Element>;
