//! No fault.

use test_support::interop::server::Kind;

use crate::cluster::{RATE, on_cluster};

case!(steady_load_is_answered: ejabberd);
fn steady_load_is_answered(kind: Kind) {
    on_cluster(kind, |cluster| {
        let mark = cluster.mark();
        let load = cluster.load(RATE);
        test_support::wait::wait_until("the load", || cluster.mark() >= mark + 300);
        load.stop();
        let account = cluster.account_of_all(mark);
        println!("{kind}: {}", account.figures());
        account.assert_whole();
        let ledger = cluster.book.ledger();
        for bot in &cluster.bots {
            let asked = |it: &&crate::ledger::Request| {
                it.asked.as_ref().is_some_and(|asked| asked.bot == bot.number)
            };
            assert!(ledger.since(mark).any(|it| asked(&it)), "{} is not asked", bot.address());
        }
    });
}
