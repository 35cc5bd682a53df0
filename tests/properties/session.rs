//! A whole session on damaged streams: no panic, bounded memory, the same output however the
//! input is cut, and nothing ill formed out of what was well formed.

use fastrand::Rng;
use jat_proxy::jat::reason::{Direction, Reason, Tally};
use jat_proxy::jat::translator::Translator;
use jat_proxy::session::ending::Ending;
use jat_proxy::session::{Bounds, Session, Turn};
use jat_proxy::stanza::fault::Fault;
use jat_proxy::stanza::limits::Limits;
use proptest::prelude::*;

use crate::fixture::{START, TARGET, settings};
use crate::generators::{Bytes, damaged_stream};
use crate::oracle;

/// Small enough that generated stanzas exceed them at times.
const LIMITS: Limits = Limits { max_bytes: 900, max_depth: 5, max_attributes: 9 };

type Outcome = (Vec<u8>, Vec<(Direction, Reason, u64)>, Option<Ending>);

/// Feeds `input` in pieces that end at `cuts`.
fn run(input: &[u8], cuts: impl IntoIterator<Item = usize>) -> Outcome {
    let (mut translator, mut tally) = (Translator::new(settings()), Tally::default());
    let mut rng = Rng::with_seed(7);
    let mut turn =
        Turn { translator: &mut translator, tally: &mut tally, rng: &mut rng, now: START };
    let domain = turn.translator.settings().domain.clone();
    let bounds = Bounds { limits: LIMITS, max_backlog: 1 << 20 };
    let mut session = Session::new(domain, bounds, &mut turn);
    let online = |r| format!("<presence to='proxy.example' from='{TARGET}/{r}'/>");
    session.input().extend(format!("{}{}", online("a"), online("b")).bytes());
    session.process(&mut turn).unwrap();
    session.sent(session.output().len(), START);
    let mut from = 0;
    let mut ended = None;
    for to in cuts.into_iter().chain([input.len()]).map(|cut| cut.min(input.len())) {
        session.input().extend(&input[from..to.max(from)]);
        from = to.max(from);
        ended = session.process(&mut turn).err();
        let held = session.input().len();
        assert!(ended.is_some() || held <= LIMITS.max_bytes, "{held} bytes held");
        if ended.is_some() {
            break;
        }
    }
    let output = session.output().to_vec();
    (output, tally.iter().filter(|(.., n)| *n > 0).collect(), ended)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn any_stream_is_survived_however_it_is_cut(
        Bytes(input) in damaged_stream(),
        mut cuts in prop::collection::vec(0usize..2_000, 0..9),
    ) {
        let whole = run(&input, []);
        prop_assert_eq!(&run(&input, 1..input.len()), &whole);
        cuts.sort_unstable();
        prop_assert_eq!(&run(&input, cuts), &whole);
        let (events, ill_formed) = oracle::events(&input);
        if ill_formed.is_none() {
            oracle::stanzas(&whole.0);
        }
        if let Some(Ending::Broken(fault)) = &whole.2 {
            // The other parser allows more between stanzas, and judges a token when it is over.
            // It lets one namespace be declared twice.
            let twice = || memchr::memmem::find_iter(&input, b"xmlns").nth(1).is_some();
            let only_ours = match fault {
                Fault::Text | Fault::SecondHeader => true,
                Fault::Tag => twice(),
                _ => false,
            };
            let judged = events.last().is_some_and(|(_, end)| *end == input.len());
            prop_assert!(ill_formed.is_some() || only_ours || !judged, "{fault}");
        }
    }

    #[test]
    fn any_bytes_are_survived(input in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(run(&input, []), run(&input, 1..input.len()));
    }
}
