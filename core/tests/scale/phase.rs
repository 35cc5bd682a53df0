//! What happens to a cluster: one phase after another, each on a cluster that is well again.

use crate::AFTERMATH;
use crate::cluster::{Cluster, Event};
use crate::expense::Expense;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// All replicas log in within a second.
    Start,
    /// An hour in which each bot logs in again at the rate of once a day.
    Steady,
    /// All bots log in within ten seconds.
    AllComeBack,
    /// A host dies with one bot of a hundred, and no replica is told.
    FewDie,
    /// The same with every third.
    ThirdDies,
    /// A third of the nodes is cut off for five minutes, and restarted then.
    Partition,
    /// One bot crashes all the time, two seconds after each login.
    OneFlaps,
    /// One bot takes its own resource over every ten seconds, and its server reports the end of the
    /// last session late.
    OneTakesOver,
    /// One bot answers everybody with errors that servers send for one that is gone.
    OneErrs,
    /// All bots do.
    AllErr,
}

impl Phase {
    pub const ALL: [Self; 10] = [
        Self::Start,
        Self::Steady,
        Self::AllComeBack,
        Self::FewDie,
        Self::ThirdDies,
        Self::Partition,
        Self::OneFlaps,
        Self::OneTakesOver,
        Self::OneErrs,
        Self::AllErr,
    ];

    /// The phases in which hosts start, die, or are cut off, and an hour without that.
    pub const OF_HOSTS: [Self; 5] =
        [Self::Start, Self::Steady, Self::FewDie, Self::ThirdDies, Self::Partition];

    pub fn name(&self) -> &'static str {
        match self {
            Self::Start => "all replicas start",
            Self::Steady => "an hour as always",
            Self::AllComeBack => "all bots log in",
            Self::FewDie => "1 % of the bots die",
            Self::ThirdDies => "a third of the bots dies",
            Self::Partition => "a partition of 5 minutes",
            Self::OneFlaps => "a bot crashes all the time",
            Self::OneTakesOver => "a bot takes itself over all the time",
            Self::OneErrs => "a bot answers with errors",
            Self::AllErr => "all bots answer with errors",
        }
    }

    /// Whether it goes on until it is mended.
    pub fn is_lasting(self) -> bool {
        matches!(
            self,
            Self::Steady | Self::OneFlaps | Self::OneTakesOver | Self::OneErrs | Self::AllErr
        )
    }

    /// What it costs.
    pub fn run(self, cluster: &mut Cluster) -> Expense {
        cluster.expense = Expense::begin(cluster.at);
        self.happen(cluster);
        let expense = std::mem::take(&mut cluster.expense);
        cluster.mend();
        expense
    }

    fn happen(self, cluster: &mut Cluster) {
        let bots = cluster.bots.len();
        let asks = cluster.requests * cluster.size.replicas as f64;
        match self {
            Self::Start => {
                cluster.start_within(1_000, 0..cluster.size.replicas);
                cluster.run(60);
            }
            Self::Steady => {
                for _ in 0..bots / 24 {
                    let (bot, after) = (cluster.rng.usize(..bots), cluster.rng.u64(..3_500_000));
                    cluster.schedule(after, Event::Go(bot));
                    cluster.schedule(after + 10_000, Event::Come(bot));
                }
                cluster.run(3_600);
            }
            Self::AllComeBack => {
                cluster.bots.iter_mut().for_each(|bot| bot.online = false);
                for bot in 0..bots {
                    let after = cluster.rng.u64(..10_000);
                    cluster.schedule(after, Event::Come(bot));
                }
                cluster.run(60);
            }
            Self::FewDie | Self::ThirdDies => {
                cluster.ask(asks);
                let dead = if self == Self::FewDie { bots.div_ceil(100) } else { bots / 3 };
                cluster.bots[..dead].iter_mut().for_each(|bot| bot.online = false);
                cluster.run(AFTERMATH.as_secs() / 2);
            }
            Self::Partition => {
                cluster.ask(asks);
                cluster.cut_off = cluster.size.nodes / 3;
                cluster.unnoticed_until = cluster.at + 60_000;
                cluster.run(300);
                // The minority is restarted: its replicas and its bots log in again.
                let minority = cluster.cut_off;
                cluster.cut_off = 0;
                let lost = |node: usize| node < minority;
                let replicas = 0..cluster.size.replicas;
                let again: Vec<_> =
                    replicas.filter(|it| lost(cluster.replicas[*it].node)).collect();
                cluster.start_within(1_000, again);
                for bot in (0..bots).filter(|bot| lost(cluster.bots[*bot].node)).collect::<Vec<_>>()
                {
                    cluster.bots[bot].online = false;
                    let after = cluster.rng.u64(..10_000);
                    cluster.schedule(after, Event::Come(bot));
                }
                cluster.run(300);
            }
            Self::OneFlaps => {
                for round in 0..AFTERMATH.as_secs() / 4 {
                    cluster.schedule(round * 4_000, Event::Go(0));
                    cluster.schedule(round * 4_000 + 2_000, Event::Come(0));
                }
                cluster.run(AFTERMATH.as_secs());
            }
            Self::OneTakesOver => {
                for round in 0..AFTERMATH.as_secs() / 10 {
                    cluster.schedule(round * 10_000, Event::Come(0));
                    cluster.schedule(round * 10_000 + 300, Event::GoLate(0));
                }
                cluster.run(AFTERMATH.as_secs());
            }
            Self::OneErrs | Self::AllErr => {
                cluster.ask(asks);
                let err = if self == Self::OneErrs { 1 } else { bots };
                cluster.bots[..err].iter_mut().for_each(|bot| bot.errs = true);
                cluster.run(AFTERMATH.as_secs());
            }
        }
    }
}

impl Cluster {
    fn start_within(&mut self, milliseconds: u64, replicas: impl IntoIterator<Item = usize>) {
        for replica in replicas {
            let after = self.rng.u64(..milliseconds);
            self.schedule(after, Event::Connect(replica));
        }
    }

    /// All bots are well again, and users send nothing for some minutes.
    fn mend(&mut self) {
        self.ask(0.0);
        for number in 0..self.bots.len() {
            self.bots[number].errs = false;
            if !self.bots[number].online {
                self.schedule(0, Event::Come(number));
            }
        }
        self.run(400);
    }
}
