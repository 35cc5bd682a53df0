//! Forward, then revert: everything that has a meaning in XML arrives as it was sent, both ways.

use core_tests::checks::head;
use core_tests::oracle;
use core_tests::twin::Proxy;
use core_tests::xml::escaped;
use proptest::prelude::*;
use rxml::Event;

use crate::generators::request;

/// What a parser sees of a stanza: three of its attributes, and all the rest.
pub fn infoset(xml: &str) -> ([Option<String>; 3], Vec<Event>) {
    let (events, error) = oracle::events(xml.as_bytes());
    assert!(error.is_none(), "{error:?}: {xml}");
    let (taken, _, rest) = head::infoset(events);
    (taken, rest)
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn forward_and_revert_restore_the_infoset(request in request(), error in any::<bool>()) {
        let mut proxy = Proxy::new();
            let forwarded = proxy.forwarded(&request.xml);
            let (_, sent) = infoset(&request.plain);
            let ([to, from, id], arrived) = infoset(&forwarded.xml);
            prop_assert_eq!(&arrived, &sent);
            prop_assert_eq!(id.as_ref(), Some(&request.id));
            let (to, from) = (to.unwrap(), from.unwrap());
            prop_assert!(to.starts_with("service@some.example/"));

            // The client sends all of it back, with a changed id.
            let content = &forwarded.xml[forwarded.xml.find(" >").unwrap() + 2..];
            let type_ = if error { "error" } else { "result" };
            let [to, from] = [to, from].map(|address| escaped(&address));
            let attributes = format!("from='{to}' type='{type_}' id='x' to='{from}' z='&#9;'");
            let reply = format!("<iq {attributes}>{content}");
            let reverted = proxy.reverted(&reply);
            let ([to, from, id], arrived) = infoset(&reverted);
            prop_assert_eq!(arrived, infoset(&reply).1);
            prop_assert_eq!(to, Some(request.user.clone()));
            prop_assert_eq!(from, Some(request.to.replace("PROXY.", "proxy.")));
            prop_assert_eq!(id, Some(request.id.clone()));
    }
}
