//! Addresses and ids in spellings that people, servers and libraries use.

use core_tests::xml::escaped;
use test_support::interop::client::Client;
use test_support::interop::scene::Scene;
use test_support::interop::server::{HOST, Kind, Software};

case!(node_and_resource_come_back: all);
fn node_and_resource_come_back(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let domain = &scene.domain;
    let upper = domain.to_uppercase();
    let resources = ["", "/res", "/a/b@c d", "/\"'<&>", "/\u{5d0}\u{5d1}", "//"];
    for node in ["", "node@", "NoDe@", "a\\20b.c+d@"] {
        for domain in [domain, &upper] {
            for resource in resources {
                let asked = format!("{node}{domain}{resource}");
                user.ask(&asked, "r");
                let request = service.receive_request();
                let encoded_from = request.attr("from").unwrap();
                let (bare, token) = encoded_from.split_once('/').unwrap();
                assert!(!token.contains('/'), "{encoded_from}");
                // The node stays visible, so that one client can serve many nodes.
                assert_eq!(bare.to_lowercase(), format!("{node}{}", scene.domain).to_lowercase());
                assert!(bare.ends_with(&scene.domain), "{bare}");
                service.answer(&request, "");
                let reply = user.receive_reply("r");
                let from = reply.attr("from").unwrap();
                let (bare, came_back) = from.split_at(from.find('/').unwrap_or(from.len()));
                assert_eq!(came_back, resource, "asked {asked}, got it from {from}");
                assert_eq!(bare.to_lowercase(), format!("{node}{domain}").to_lowercase());
            }
        }
    }
}

case!(ids_come_back_exactly: both);
fn ids_come_back_exactly(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    for id in [
        "",
        "0",
        "a'b\"c",
        "<&>",
        "\u{1F600}\u{5d0}",
        "  a  b ",
        "a\tb\nc",
        "é".repeat(200).as_str(),
    ] {
        user.ask(&service.jid, id);
        let direct = service.receive_request().attr("id").unwrap().to_string();
        user.ask(&scene.domain, id);
        let request = service.receive_request();
        assert_eq!(request.attr("id"), Some(direct.as_str()), "{id:?} on its way to the client");
        // A different id from the client does not matter: the user's id is in the token.
        let to = request.attr("from").unwrap().to_string();
        for own in [id, "changed by the client"] {
            service.send(format!("<iq type='result' id='{}' to='{to}'/>", escaped(own)));
            let what = format!("the reply {id:?} although the client said {own:?}");
            let reply = user.receive_where(&what, |it| it.attr("type") == Some("result"));
            // If a server writes a newline unescaped, it becomes a space on every path.
            assert_eq!(reply.attr("id"), Some(direct.as_str()), "{what}");
        }
    }
}

case!(users_resources_come_back_exactly: both);
fn users_resources_come_back_exactly(kind: Kind) {
    let scene = Scene::new(kind);
    let mut service = scene.service("a");
    // No emoji: both servers' resourceprep is that of Unicode 3.2.
    for resource in ["a b", "/", "x/y@z", "\"'<&>", "\u{5d0}\u{5d1}", "\u{e4}\u{4e00}"] {
        let mut user = scene.user_with_resource(resource);
        assert_eq!(user.resource(), resource);
        scene.round_trip(&mut user, &mut service);
    }
}

case!(a_request_fits_a_token_or_is_refused: both);
fn a_request_fits_a_token_or_is_refused(kind: Kind) {
    let scene = Scene::new(kind);
    let mut service = scene.service("a");
    let account = scene.server.new_account("user");
    let resource = "r".repeat(400);
    let mut user = Client::login(scene.server, &account, &resource);

    // User's JID, the resource it wrote to and the id share 611 bytes.
    let room = 611 - user.jid.len();
    let asked = format!("{}/res", scene.domain);
    for (id, asked) in [("i".repeat(room), &scene.domain), ("i".repeat(room - 3), &asked)] {
        user.ask(asked, &id);
        let request = service.receive_request();
        assert_eq!(request.attr("from").unwrap().split_once('/').unwrap().1.len(), 1023);
        service.answer(&request, "");
        assert_eq!(user.receive_reply(&id).attr("from"), Some(asked.as_str()));

        let id = format!("{id}i");
        user.ask(asked, &id);
        let (condition, text) = user.receive_reply(&id).error().unwrap();
        assert_eq!(condition, "policy-violation");
        assert!(text.contains("611"), "{text}");
    }
    let id = "x".repeat(20_000);
    user.ask(&scene.domain, &id);
    assert_eq!(user.receive_reply(&id).error().unwrap().0, "policy-violation");

    let mut longest = Client::login(scene.server, &account, &"r".repeat(1023));
    longest.ask(&scene.domain, "long");
    assert_eq!(longest.receive_reply("long").error().unwrap().0, "policy-violation");
    service.hears_no_iq();
    assert_eq!(scene.proxy.reason("too-long"), 4);
    scene.round_trip(&mut user, &mut service);
}

case!(the_client_may_log_in_in_capitals: both);
fn the_client_may_log_in_in_capitals(kind: Kind) {
    let scene = Scene::new(kind);
    let node = scene.target.split('@').next().unwrap().to_uppercase();
    let mut service = Client::login(scene.server, &node, "Bot");
    // ejabberd keeps the spelling, Prosody does not.
    let kept = service.jid == format!("{node}@{HOST}/Bot");
    assert_eq!(kept, kind.is(Software::Ejabberd), "{}", service.jid);
    service.available("");
    test_support::interop::scene::accept_subscription(&mut service, &scene.domain);
    let mut user = scene.user();
    scene.proxy.wait_until("the resource", |proxy| {
        let lower = proxy.status().to_string().to_lowercase();
        lower.contains(&format!("{}/bot", scene.target))
    });
    scene.round_trip(&mut user, &mut service);

    // The configuration may be in upper case as well.
    let upper = Scene::with(kind, |settings| settings.target = settings.target.to_uppercase());
    let mut service = upper.service("a");
    upper.round_trip(&mut user, &mut service);
}

case!(the_configuration_and_users_may_write_a_final_dot: both);
fn the_configuration_and_users_may_write_a_final_dot(kind: Kind) {
    let scene = Scene::with(kind, |settings| {
        settings.target.push('.');
        settings.domain.push('.');
    });
    let account = scene.target.clone();
    let domain = scene.domain.trim_end_matches('.').to_owned();
    let mut service = Client::login(scene.server, &account, "a");
    service.available("");
    test_support::interop::scene::accept_subscription(&mut service, &domain);
    scene.proxy.wait_online(&[&service.jid]);
    let mut user = scene.user();
    test_support::interop::scene::round_trip(&domain, &mut user, &mut service);
    // Prosody removes the dot; ejabberd looks for another server.
    user.ask(&scene.domain, "dot");
    if kind.is(Software::Prosody) {
        let request = service.receive_request();
        service.answer(&request, "");
        assert_eq!(user.receive_reply("dot").attr("type"), Some("result"));
    } else {
        user.receive_reply("dot").error().expect("nobody has that address");
    }
    test_support::interop::scene::round_trip(&domain, &mut user, &mut service);
    assert_eq!(scene.proxy.logins(), 1);
}
