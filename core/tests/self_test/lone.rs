//! A process that has its domain to itself.

use fastrand::Rng;
use jat_core::session::echo::Sharing;

use crate::world::{DeadConnection, Event, World, stale_echo};

/// The conditions of a login, and its result.
pub struct Login {
    /// How long the server takes for what it reads.
    pub pace: Pace,
    pub trouble: Trouble,
    /// The server still knows the connection of a predecessor.
    pub predecessor: bool,
    /// Echoes of the predecessor still arrive.
    pub stale: bool,
    /// Rounds of echoes that it sent.
    pub rounds: u64,
    /// Milliseconds from the login.
    pub alone_after: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Quick,
    Loaded,
    /// Up to three seconds.
    Slow,
    /// Seven or eight seconds, while it delivers other stanzas at once.
    Crawling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// The process is stopped and continued.
    Stopped,
    /// The server does nothing for a while.
    Frozen,
    /// The server takes nothing from the process for a while.
    Unread,
}

impl Login {
    /// Whether the result must be known soon.
    pub fn is_ordinary(&self) -> bool {
        self.trouble == Trouble::None && self.pace != Pace::Crawling
    }
}

/// Panics if it ever says that the domain is shared.
pub fn run(seed: u64) -> Login {
    let mut world = World::new(seed);
    let mut login = draw(&mut world.rng);
    let at = world.rng.u64(1_000..3_000);
    world.run(at);
    world.delay = match login.pace {
        Pace::Quick => |rng| rng.u64(..5),
        Pace::Loaded => |rng| rng.u64(5..300),
        Pace::Slow => |rng| rng.u64(500..3_000),
        Pace::Crawling => |rng| rng.u64(7_000..8_000),
    };
    let number = world.login();
    if login.predecessor {
        let until = at + world.rng.u64(1..2_000);
        let all_after = [u64::MAX, world.rng.u64(..20)][world.rng.usize(..2)];
        world.dead = Some(DeadConnection { until, all_after });
    }
    if login.stale {
        for echo in 0..world.rng.u64(1..16) {
            let late = world.rng.u64(..3_000);
            world.schedule(at + late, Event::Stanza(stale_echo(echo)));
        }
    }
    // At any time, or at the worst: around the second round.
    let rng = &mut world.rng;
    let from = at + if rng.bool() { rng.u64(..12_000) } else { rng.u64(3_900..4_300) };
    let lasts = if rng.bool() { rng.u64(..20_000) } else { rng.u64(3_500..5_500) };
    let time = (from, from + lasts);
    let process = &mut world.members[number].process;
    process.is_slow = world.rng.u8(..4) == 0;
    match login.trouble {
        Trouble::None => {}
        Trouble::Stopped => process.stopped = (from, from + lasts * 3 / 2),
        Trouble::Frozen => world.frozen = time,
        Trouble::Unread => process.unread = time,
    }
    world.traffic = [None, Some(3_000), Some(1_000), Some(300)][world.rng.usize(..4)];
    if world.traffic.is_some() {
        world.schedule(at, Event::Traffic);
        if world.rng.u8(..20) == 0 {
            for _ in 0..200 {
                let stanza = world.stanza();
                world.schedule(from, Event::Stanza(stanza));
            }
        }
    }
    world.run(at + 15_000);
    world.traffic = world.traffic.map(|each| each.max(5_000));
    world.run(at + if login.is_ordinary() { 20_000 } else { 100_000 });

    let said = &world.members[number].said;
    let [(_, Sharing::Unknown), (known, Sharing::Alone)] = said[..] else {
        panic!("{} said {said:?}", describe(&login));
    };
    login.alone_after = known - at;
    login.rounds = world.echoes / 16;
    assert!(
        !login.is_ordinary() || login.alone_after < 10_000,
        "{} only after {} ms",
        describe(&login),
        login.alone_after
    );
    login
}

fn draw(rng: &mut Rng) -> Login {
    use Pace::{Crawling, Loaded, Quick, Slow};
    let pace = [Quick, Quick, Quick, Loaded, Loaded, Loaded, Slow, Crawling][rng.usize(..8)];
    // Two problems at once, each of some seconds, can take more than ten seconds.
    let trouble = match rng.u8(..8) {
        0 => Trouble::Stopped,
        1 if matches!(pace, Quick | Loaded) => Trouble::Frozen,
        2 if matches!(pace, Quick | Loaded) => Trouble::Unread,
        _ => Trouble::None,
    };
    Login {
        pace,
        trouble,
        predecessor: rng.u8(..3) == 0,
        stale: rng.u8(..3) == 0,
        rounds: 0,
        alone_after: 0,
    }
}

fn describe(login: &Login) -> String {
    let Login { pace, trouble, predecessor, stale, .. } = login;
    format!("pace {pace:?}, trouble {trouble:?}, predecessor {predecessor}, stale echoes {stale}:")
}
