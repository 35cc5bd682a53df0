//! What is sent when, and the conclusions from what comes back.

use super::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn flow(said: u64) -> Flow {
    Flow { said, hearing: true, ..Flow::default() }
}

fn sent(due: Due) -> Vec<String> {
    match due {
        Due::Send(ids) => ids,
        due => panic!("{due:?}"),
    }
}

/// One that got back so many of its first sixteen.
fn tested(heard: usize) -> Echo {
    let mut echo = Echo::new(7, at(0));
    let ids = sent(echo.tick(flow(0), at(0)));
    echo.asked(0, at(0));
    for id in &ids[..heard] {
        assert_eq!(echo.hear(id), EchoOrigin::Ours);
    }
    echo
}

#[test]
fn the_first_round_goes_out_at_once_and_numbers_go_on() {
    let mut echo = Echo::new(7, at(0));
    assert_eq!(echo.deadline(flow(0)), Some(at(0)));
    let first = sent(echo.tick(flow(0), at(0)));
    assert_eq!((first.len(), first[1].as_str()), (16, "jat-echo-0000000000000007-1"));
    assert_eq!(echo.tick(flow(0), at(0)), Due::Nothing);
    let second = sent(echo.tick(flow(0), at(9)));
    assert_eq!(second[0], "jat-echo-0000000000000007-16");
    assert_eq!((echo.nonce(), echo.next()), (7, 32));
}

#[test]
fn ours_are_told_from_others() {
    let mut echo = tested(16);
    assert_eq!(echo.sharing(), Sharing::Alone);
    assert_eq!(echo.hear("jat-echo-zz-1"), EchoOrigin::NotOurs);
    assert_eq!(echo.deadline(flow(0)), Some(at(60)));
    assert_eq!(echo.hear("jat-echo-0000000000000008-1"), EchoOrigin::NotOurs);
    assert!(echo.deadline(flow(0)) < Some(at(60)), "a sibling's echo is looked into");
}

#[test]
fn only_an_echo_shows_that_a_stream_of_our_own_is_worked_on() {
    let mut echo = tested(16);
    assert_eq!(sent(echo.tick(flow(1), at(5))), ["jat-echo-0000000000000007-16"]);
    echo.asked(1, at(5));
    let mut nudged = false;
    for second in 6..35 {
        echo.input(at(second));
        echo.other_stanza();
        match echo.tick(flow(1), at(second)) {
            Due::Send(_) => echo.asked(1, at(second)),
            due => nudged |= due == Due::Nudge,
        }
    }
    assert_eq!((nudged, echo.standstill()), (true, Some(at(29))));
    let mut answered = echo.clone();
    answered.hear("jat-echo-0000000000000007-16");
    assert_eq!(answered.standstill(), None);
    assert!(matches!(answered.tick(flow(1), at(35)), Due::Nothing | Due::Send(_)));
    assert_eq!(echo.tick(flow(1), at(35)), Due::Silent);
}

#[test]
fn one_in_doubt_is_asked_at_once_where_an_answer_would_tell() {
    let mut echo = tested(16);
    echo.doubt();
    assert!(echo.deadline(flow(0)) <= Some(at(1)));
    assert_eq!(sent(echo.tick(flow(0), at(1))), ["jat-echo-0000000000000007-16"]);
    echo.asked(0, at(1));
    assert_eq!(echo.tick(flow(0), at(2)), Due::Nothing, "once");
    let mut unknown = tested(1);
    unknown.doubt();
    assert_eq!(unknown.tick(flow(0), at(1)), Due::Nothing);
    assert!(unknown.deadline(flow(0)) > Some(at(1)), "it is not asked over and over");
}

#[test]
fn of_a_stream_that_may_be_shared_nothing_follows() {
    let mut echo = tested(1);
    for seconds in 1..1_000 {
        let due = echo.tick(flow(seconds), at(seconds));
        assert!(matches!(due, Due::Nothing | Due::Send(_)), "{due:?}");
    }
}

/// Ticks a shared stream with a presence domain for so many seconds; returns whether it was considered
/// dead. `proven`: whether proofs come back; `heard`: whether some echoes do, while another process
/// gets the others.
fn witnessed(echo: &mut Echo, from: u64, seconds: u64, proven: bool, heard: bool) -> bool {
    let mut ended = false;
    for second in from..from + seconds {
        let said = 100 * second;
        let mut echoes = Vec::new();
        match echo.tick(Flow { witnessed: true, ..flow(said) }, at(second)) {
            Due::Prove(proof, with) => {
                echo.asked_witness(said, at(second));
                if proven {
                    echo.proven(proof.number);
                }
                echoes = with;
            }
            Due::Send(ids) => echoes = ids,
            due => ended |= due == Due::Silent,
        }
        if heard {
            for id in echoes.iter().step_by(2) {
                echo.hear(id);
            }
        }
    }
    ended
}

#[test]
fn on_a_shared_stream_a_witness_is_asked() {
    let mut echo = tested(1);
    assert!(!witnessed(&mut echo, 1, 60, true, false));
    assert!(witnessed(&mut echo, 61, 60, false, false));
    echo.tick(flow(0), at(121));
    assert_eq!(echo.standstill(), None, "without a witness nothing is known");
}

#[test]
fn a_witness_that_hangs_is_not_believed() {
    let mut echo = tested(1);
    assert!(!witnessed(&mut echo, 1, 20, true, true));
    assert!(!witnessed(&mut echo, 21, 200, false, true));
    assert_eq!(echo.standstill(), None);
}

#[test]
fn an_echo_that_somebody_else_got_is_looked_into() {
    let mut echo = tested(16);
    let lost = sent(echo.tick(flow(0), at(60)));
    echo.asked(0, at(60));
    let next = sent(echo.tick(flow(0), at(65)));
    assert_eq!((lost.len(), next.len()), (1, 1));
    echo.asked(0, at(65));
    echo.hear(&next[0]);
    let round = (66..80).find_map(|second| match echo.tick(flow(0), at(second)) {
        Due::Send(ids) => Some(ids.len()),
        _ => None,
    });
    assert_eq!(round, Some(16), "the self-test starts again");
}

#[test]
fn one_that_goes_on_says_no_number_twice() {
    let mut echo = Echo::resume(7, 40, Sharing::Alone, at(5));
    assert_eq!((echo.sharing(), echo.deadline(flow(0))), (Sharing::Alone, Some(at(65))));
    assert_eq!(sent(echo.tick(flow(0), at(65))), ["jat-echo-0000000000000007-40"]);
    let mut echo = Echo::resume(7, 40, Sharing::Unknown, at(5));
    assert_eq!(sent(echo.tick(flow(0), at(5)))[0], "jat-echo-0000000000000007-40");
}
