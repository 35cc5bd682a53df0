//! Processes that share a domain.

use jat_core::session::echo::Sharing;

use crate::world::{Event, Member, World};

/// The result for a domain with several processes.
pub struct Fleet {
    /// For each process: milliseconds from its login, or from that of the second process, to `shared`.
    pub shared_after: Vec<u64>,
    /// Milliseconds from the end of the others until the last one said `alone` again.
    pub alone_after: u64,
}

/// Panics when one does not say in time that the domain is shared, or says later that it is not,
/// or says so still when it is alone.
pub fn run(seed: u64) -> Fleet {
    let mut world = World::new(seed);
    let size = match world.rng.u8(..8) {
        0..4 => 2,
        4..7 => world.rng.usize(3..8),
        _ => world.rng.usize(8..=50),
    };
    if world.rng.bool() {
        world.delay = |rng| rng.u64(5..300);
    }
    // A few processes may be idle too; many are only run when there is much to do.
    let for_each = if size < 4 { [None, Some(2_000), Some(300)] } else { [Some(300); 3] };
    world.traffic = for_each[world.rng.usize(..3)].map(|ms| (ms / size as u64).max(1));
    world.schedule(1_000, Event::Traffic);
    // All at once, one after another, or all others some time after the first.
    let (first, span) = [(1_000, 2_000), (1_000, 20_000), (20_000, 1_000)][world.rng.usize(..3)];
    world.schedule(1_000, Event::Login);
    for _ in 1..size {
        let at = first + world.rng.u64(..span);
        world.schedule(at, Event::Login);
    }
    let mut left = first + span + 12_000 + world.rng.u64(..5_000);
    world.run(left);
    let second = world.members[1].login;
    let shared_after = world.members.iter().map(|m| shared_after(m, second)).collect();

    let stays = world.rng.usize(..size);
    for number in (0..size).filter(|number| *number != stays) {
        left += world.rng.u64(..200);
        let killed = world.rng.bool();
        world.schedule(left, Event::Leave { number, killed });
    }
    world.traffic = world.traffic.map(|each| each * size as u64);
    world.run(left + 80_000);
    let said = &world.members[stays].said;
    let &[.., (_, Sharing::Shared), (alone, Sharing::Alone)] = &said[..] else {
        panic!("{size} processes, of which one stays and says {said:?}");
    };
    Fleet { shared_after, alone_after: alone.saturating_sub(left) }
}

/// How long it took a process to say `shared`; it did so in time.
fn shared_after(member: &Member, second_login: u64) -> u64 {
    let since = member.login.max(second_login);
    // Silence proves nothing: after some seconds without stanzas the time starts over.
    let mut last = since + 4_000;
    let mut in_time = since + 10_000;
    for &heard in &member.heard {
        if heard >= last + 3_000 {
            in_time = in_time.max(heard + 6_000);
        }
        last = last.max(heard);
    }
    let said = &member.said;
    let &[.., (at, Sharing::Shared)] = &said[..] else {
        panic!("shared since {since}, but it says {said:?}; heard at {:?}", member.heard);
    };
    assert!(at <= in_time, "shared since {since}, known only at {at}: {said:?}");
    let only_once = said.iter().filter(|(_, said)| *said == Sharing::Shared).count() == 1;
    assert!(only_once, "shared since {since}, but it once said otherwise: {said:?}");
    at.saturating_sub(since)
}
