//! A target for which its server stores no more messages.

use test_support::interop::client::Client;
use test_support::interop::scene::Scene;
use test_support::interop::server::{Kind, Server, Software, with_modules_for_people};

use super::stage::{Listens, TwoWay, User, chat, condition, face, learn_alias, mirror, passed};

// docs/servers.md#full-store
case!(what_is_over_the_limit_comes_back: both);
fn what_is_over_the_limit_comes_back(kind: Kind) {
    // Without an archive, which would store them: docs/servers.md#archive-stores.
    let scene = stage(kind, |text| text.replace("\"mam\"; ", ""));
    let mut user = User::new(&scene);
    let (helper, seen_as) = (face(&scene, "helper"), mirror(&scene, &user.jid, "helper"));
    let alias = {
        let mut service = scene.service("a");
        learn_alias(&scene, &mut service, &mut user, "helper")
    };
    scene.proxy.wait_offline(&format!("{}/a", scene.target));
    for number in 0..LIMIT {
        user.send(chat(&number.to_string(), &helper, &format!("text {number}")));
    }
    passed(&scene, &mut user);
    for to in [&helper, &alias] {
        user.send(chat("over", to, "one more"));
        let told = user.answer_to("over");
        assert_eq!(told.attr("from"), Some(&**to), "the address that was written to");
        let wanted = match kind.software {
            Software::Ejabberd => "resource-constraint",
            _ => "service-unavailable",
        };
        assert_eq!(condition(&told), wanted);
    }

    let mut service = Client::login(scene.server, &scene.target, "a");
    service.available("");
    for number in 0..LIMIT {
        let it = service.reads(&format!("text {number}"));
        assert_eq!(it.attr("from"), Some(&*seen_as));
    }
    // There is room again.
    learn_alias(&scene, &mut service, &mut user, "helper");
}

// docs/servers.md#archive-stores
case!(an_archive_stores_what_is_over_the_limit: prosody);
fn an_archive_stores_what_is_over_the_limit(kind: Kind) {
    let scene = stage(kind, |text| text);
    let mut user = User::new(&scene);
    let helper = face(&scene, "helper");
    drop(scene.service("a"));
    scene.proxy.wait_offline(&format!("{}/a", scene.target));
    for number in 0..=LIMIT {
        user.send(chat("m", &helper, &format!("text {number}")));
    }
    passed(&scene, &mut user);
    user.hears_no("error", |it| it.attr("type") == Some("error"));
    let mut service = Client::login(scene.server, &scene.target, "a");
    service.available("");
    service.reads(&format!("text {}", LIMIT - 1));
    service.send("<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>");
    service.receive_where("the last one in the archive", |it| {
        let forwarded = it.child("result").and_then(|it| it.child("forwarded")?.child("message"));
        forwarded.is_some_and(|it| it.child("body").unwrap().text() == format!("text {LIMIT}"))
    });
}

/// A server that stores few messages for an account, and a proxy on it.
fn stage(kind: Kind, change: impl FnOnce(String) -> String) -> Scene {
    let server = Server::start_changed(kind, |text| {
        change(limited(kind, &with_modules_for_people(kind, text)))
    });
    Scene::on(Box::leak(Box::new(server)), |settings| {
        let more = "account-queries = [\"vcard-temp\"]";
        TwoWay { more, ..TwoWay::default() }.apply(settings);
    })
}

/// A configuration in which the server stores so many messages for an account.
fn limited(kind: Kind, text: &str) -> String {
    let (before, lines) = match kind.software {
        Software::Prosody => {
            ("\nVirtualHost ", format!("\nstorage_archive_item_limit = {LIMIT}\n"))
        }
        _ => {
            let rule = format!("\nshaper_rules:\n  max_user_offline_messages: {LIMIT}");
            ("\nlisten:\n", rule)
        }
    };
    assert!(text.contains(before));
    text.replacen(before, &format!("{lines}{before}"), 1)
}

const LIMIT: usize = 3;
