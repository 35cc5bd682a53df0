//! The chat bots of docs/clients/chat-bots.md, run as printed there: they have no code for mirrors,
//! and people chat with them.

use test_support::interop::client::Client;
use test_support::interop::proxy::{Settings, name_key};
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;
use test_support::interop::stanza::Stanza;
use test_support::pages::block;

use super::launch::{BotOptions, Source};
use super::{Launch, aioxmpp, slixmpp, sources, sources_of_aioxmpp, who, xmpp_js};

case!(a_chat_bot_for_slixmpp: both);
fn a_chat_bot_for_slixmpp(kind: Kind) {
    for source in sources(kind.suite) {
        chats(kind, &|options| options.slixmpp(source, &code("slixmpp", "python")));
    }
}

// sid has neither aioxmpp nor, for the tests, go-xmpp.
case!(a_chat_bot_for_aioxmpp: [prosody ejabberd] []);
fn a_chat_bot_for_aioxmpp(kind: Kind) {
    for source in sources_of_aioxmpp(kind.suite) {
        chats(kind, &|options| options.aioxmpp(source, &code("aioxmpp", "python")));
    }
}

case!(a_chat_bot_for_xmpp_js: both);
fn a_chat_bot_for_xmpp_js(kind: Kind) {
    chats(kind, &|options| options.xmpp_js(&code("xmpp.js", "javascript")));
}

case!(a_chat_bot_for_go_xmpp: [prosody ejabberd] []);
fn a_chat_bot_for_go_xmpp(kind: Kind) {
    let decoder = block("docs/clients/go-xmpp.md", "The decoder", "go");
    chats(kind, &|options| options.go_xmpp(&code("go-xmpp", "go"), &decoder));
}

fn code(heading: &str, language: &str) -> String {
    block("docs/clients/chat-bots.md", heading, language).text
}

/// A user writes to the bot's face and to the resource that answers, sees that it is online, and
/// never sees the account's address.
fn chats(kind: Kind, launch: &Launch) {
    let scene = Scene::with(kind, both_ways);
    let _bot = launch(&BotOptions::plain(scene.server, &scene.target, &scene.domain));
    scene.proxy.wait_online(&[&format!("{}/a", scene.target)]);
    let mut user = scene.user();
    user.fetch_roster();
    user.available("");
    let face = format!("helper@{}", scene.domain);
    let answer = says(&mut user, &face, "it's &lt;1&gt;");
    assert_eq!(answer.child("body").unwrap().text(), "You said: it's <1>");
    let from = answer.attr("from").unwrap().to_owned();
    assert!(from.starts_with(&format!("{face}/ae")), "{from}");
    let again = says(&mut user, &from, "again");
    assert_eq!(again.child("body").unwrap().text(), "You said: again");
    assert_eq!(again.attr("from"), Some(&*from));

    user.send(format!("<presence type='subscribe' to='{face}'/>"));
    let is_of_the_bot = |it: &Stanza| {
        it.name == "presence" && it.attr("type").is_none() && it.attr("from") == Some(&*from)
    };
    user.receive_where("the bot's presence", is_of_the_bot);
}

/// The bot's answer.
pub(super) fn says(user: &mut Client, to: &str, body: &str) -> Stanza {
    user.send(format!("<message type='chat' to='{to}' id='q'><body>{body}</body></message>"));
    user.receive_where("an answer", |it| it.name == "message" && it.child("body").is_some())
}

pub(super) fn both_ways(settings: &mut Settings) {
    settings.component = "relay = [\"iq\", \"messages\", \"presence\"]\nallow-from = [\"*\"]\n\
                          faces = [\"helper\"]\n"
        .to_owned();
    settings.keys += &name_key(1, 'N');
}

// sid has no aioxmpp.
case!(bots_tell_who_asks_with_every_setting: [prosody ejabberd] []);
/// Those with a token in the resource are in `super`.
fn bots_tell_who_asks_with_every_setting(kind: Kind) {
    for settings in [in_the_id, both_ways as fn(&mut Settings)] {
        let scene = Scene::with(kind, settings);
        let options = BotOptions::plain(scene.server, &scene.target, &scene.domain);
        let resource = format!("{}/a", scene.target);
        let launches: [&Launch; 3] = [
            &|options| slixmpp(options, Source::Debian),
            &|options| aioxmpp(options, Source::Registry),
            &xmpp_js,
        ];
        for launch in launches {
            let mut bot = launch(&options);
            scene.proxy.wait_online(&[&resource]);
            let mut user = scene.user();
            who(&mut user, &scene.domain, "who");
            let reply = user.receive_reply("who");
            let payload = reply.child("who").unwrap_or_else(|| panic!("{reply:?}"));
            assert_eq!(payload.attr("user"), Some(user.jid.as_str()));
            bot.kill();
            scene.proxy.wait_offline(&resource);
        }
    }
}

fn in_the_id(settings: &mut Settings) {
    settings.component = "token-in = \"id\"\n".to_owned();
}
