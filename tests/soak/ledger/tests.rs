//! What the ledger reports as wrong.

use test_support::daemon::DOMAIN;

use super::*;

/// User 1 has sent a request, which replica 7 has forwarded.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new(Talk::Requests);
    assert_eq!(ledger.ask(1), Some(1));
    pass(&mut ledger, Direction::ToComponent, "get", "ask");
    pass(&mut ledger, Direction::FromComponent, "get", "ask");
    pass(&mut ledger, Direction::ToComponent, "result", "answer");
    assert_eq!((ledger.violations.count(), ledger.underway()), (0, 1));
    ledger
}

fn pass(ledger: &mut Ledger, direction: Direction, type_: &str, payload: &str) {
    ledger.pass(&Passed { connection: 7, direction, xml: iq(type_, "x", payload) });
}

fn iq(type_: &str, from: &str, payload: &str) -> String {
    format!("<iq type='{type_}' id='1' from='{from}'><{payload} n='1'/></iq>")
}

#[test]
fn a_reply_is_good_once_for_who_asked() {
    let mut ledger = ledger();
    let good = iq("result", DOMAIN, "answer");
    for (user, xml, wrong) in [
        (0, &good, "Forged"),
        (1, &iq("result", "elsewhere.example", "answer"), "Forged"),
        (1, &good, ""),
        (1, &good, "Twice"),
    ] {
        let before = ledger.violations.count();
        ledger.hear(user, xml);
        assert_eq!(ledger.violations.count() - before, usize::from(!wrong.is_empty()), "{xml}");
        assert!(ledger.violations.named().last().is_some_and(|said| said.contains(wrong)));
    }
    assert_eq!((ledger.counts.replied, ledger.underway()), (1, 0));
    ledger.hear(1, &iq("result", DOMAIN, "forged"));
    assert!(ledger.violations.named().iter().any(|said| said.contains("forged")));
}

#[test]
fn only_a_kill_excuses_what_was_inside() {
    let mut killed = ledger();
    killed.kill(7);
    killed.settle(&[]);
    killed.close();
    assert_eq!((killed.violations.count(), killed.counts.killed), (0, [0, 1]));

    let mut left = ledger();
    left.settle(&[]);
    left.close();
    assert!(left.violations.named()[0].contains("Unaccounted: number 1 (Revert)"));
    assert_eq!(left.counts.killed, [0, 0]);

    let mut stood_still = ledger();
    stood_still.lines.entry(8).or_default().reached = Some(Instant::now() + 2 * PATIENCE);
    stood_still.kill(7);
    stood_still.settle(&[8]);
    assert!(stood_still.violations.named()[0].contains("number 1 (Revert) stood still"));
    assert_eq!(stood_still.counts.excused(), 0);

    // It came out, and nobody got it.
    let mut vanished = ledger();
    pass(&mut vanished, Direction::FromComponent, "result", "answer");
    vanished.kill(7);
    vanished.settle(&[]);
    vanished.close();
    assert!(vanished.violations.named()[0].contains("Unaccounted: number 1 is missing"));
}

/// User 1 has written one message, which replica 7 has relayed; the answer is inside it.
fn messages() -> Ledger {
    let mut ledger = Ledger::new(Talk::Messages);
    assert_eq!(ledger.ask(1), Some(1));
    for (direction, payload) in [
        (Direction::ToComponent, "ask"),
        (Direction::FromComponent, "ask"),
        (Direction::ToComponent, "answer"),
    ] {
        pass_message(&mut ledger, direction, 1, payload);
    }
    assert_eq!((ledger.violations.count(), ledger.underway()), (0, 1));
    ledger
}

fn message(number: usize, from: &str, payload: &str) -> String {
    format!("<message type='chat' id='{number}' from='{from}'><{payload} n='{number}'/></message>")
}

fn pass_message(ledger: &mut Ledger, direction: Direction, number: usize, payload: &str) {
    let xml = message(number, "x", payload);
    ledger.pass(&Passed { connection: 7, direction, xml });
}

#[test]
fn an_answer_comes_once_to_who_wrote_from_where_it_was_written_to() {
    let mut ledger = messages();
    let good = message(1, "chat@proxy.example/alias", "answer");
    for (user, xml, wrong) in [
        (0, good.clone(), "Forged"),
        (1, message(1, "proxy.example/alias", "answer"), "Forged"),
        (1, message(1, "chat@proxy.example", "answer"), "Forged"),
        (1, message(1, "chat@proxy.example/alias", "ask"), "Forged"),
        (1, good.replace("<answer", "<answer b='chat-bot@some-domain.example'"), "Forged"),
        (1, good.replace("'1'", "'5'"), "Forged"),
        (1, good.replace("chat'", "error'"), "Forged"),
        (1, good.clone(), ""),
        (1, good, "Twice"),
    ] {
        let before = ledger.violations.count();
        ledger.hear(user, &xml);
        assert_eq!(ledger.violations.count() - before, usize::from(!wrong.is_empty()), "{xml}");
        assert!(ledger.violations.named().last().is_some_and(|said| said.contains(wrong)), "{xml}");
    }
    assert_eq!((ledger.counts.replied, ledger.underway()), (1, 0));
}

#[test]
fn messages_come_out_in_the_order_in_which_they_went_in() {
    let mut ledger = messages();
    for _ in 0..2 {
        ledger.ask(1);
    }
    pass_message(&mut ledger, Direction::ToComponent, 5, "ask");
    pass_message(&mut ledger, Direction::ToComponent, 9, "ask");
    pass_message(&mut ledger, Direction::FromComponent, 1, "answer");
    assert_eq!(ledger.violations.count(), 0);
    pass_message(&mut ledger, Direction::FromComponent, 9, "ask");
    assert!(ledger.violations.named()[0].contains("number 5 (Forward) was overtaken inside"));
    pass_message(&mut ledger, Direction::FromComponent, 5, "ask");
    assert!(ledger.violations.named()[1].contains("number 5 (Forward) was not inside"));
}

#[test]
fn echoes_and_requests_are_no_messages() {
    let mut ledger = messages();
    let echo = "<message type='headline' id='jat-echo-1' to='proxy.example' from='proxy.example'/>";
    for xml in [echo.to_owned(), iq("get", "x", "ask")] {
        ledger.pass(&Passed { connection: 7, direction: Direction::ToComponent, xml });
    }
    assert_eq!(ledger.violations.count(), 0);
    let xml = "<message id='7' from='x'><body/></message>".to_owned();
    ledger.pass(&Passed { connection: 7, direction: Direction::ToComponent, xml });
    assert!(ledger.violations.named()[0].contains("nobody said this"));
}
