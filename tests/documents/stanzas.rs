//! The four stanzas of the README, each made from the one before.

use base64ct::{Base64, Encoding};
use core_tests::session::START;
use core_tests::twin::{self, Proxy};
use core_tests::vectors::Vectors;
use jat_proxy::jat::keyring::Key;
use jat_proxy::jat::target::Target;
use zeroize::Zeroizing;

use crate::claims;

/// With the key, the time and the resource of the first golden vector.
#[test]
fn the_translator_makes_the_stanzas_of_the_readme() {
    let vector = Vectors::load().valid.remove(0);
    let secret = Zeroizing::new(Base64::decode_vec(&vector.secret).unwrap());
    let mut settings = twin::settings();
    settings.domain = "proxy.domain.example".parse().unwrap();
    settings.target = Target::new(vector.peer.parse().unwrap());
    settings.keyring =
        core_tests::session::ring(vec![Key::new(vector.kid, &secret, None).unwrap()]);
    settings.reply_ttl = vector.expires.unwrap() - vector.now;
    assert_eq!(vector.now, START.unix);

    let [asks, is_asked, replies, is_told] =
        [("get", "proxy"), ("get", "some-user"), ("result", "proxy"), ("result", "user")].map(
            |(kind, to)| {
                claims::text("README.md", &format!("<iq type='{kind}' id='1234'\n    to='{to}"))
            },
        );
    let payload = "<query xmlns='jabber:iq:version'/></iq>";
    let mut proxy = Proxy::fixed(settings);
    let forwarded = proxy.forwarded(&(asks.trim_end().to_owned() + payload)).xml;
    assert_eq!(forwarded, is_asked.trim_end().to_owned() + payload);
    let reverted = proxy.reverted(&(replies.trim_end().to_owned() + payload));
    assert_eq!(reverted, is_told.trim_end().to_owned() + payload);
}
