//! Who is connected to HTTP, and who is disconnected when there are too many.
//!
//! Connections that ask for nothing, or do not read what they asked for, must not keep a health
//! probe waiting until the daemon is killed for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

/// The connections of a listener, at most [`MAX_CONNECTIONS`].
#[derive(Default)]
pub(super) struct Room {
    /// In the order of arrival.
    guests: Mutex<Vec<Guest>>,
    left: Notify,
}

struct Guest {
    number: u64,
    stage: Stage,
    /// Dropping it ends the connection.
    _stays: oneshot::Sender<()>,
}

#[derive(Clone, Copy)]
enum Stage {
    /// The head of its request has not come, or not all of it.
    Asking,
    /// Its answer is being made.
    Waiting,
    /// Its answer has been ready since then.
    Reading(Instant),
}

/// The seat of one connection; dropping it frees the seat.
pub(super) struct Seat {
    room: Arc<Room>,
    number: u64,
}

impl Room {
    /// A seat for the connection with this `number`, and a receiver that ends when it has to go.
    /// If there is no free seat, the connection that has asked for nothing for the longest time
    /// has to go, or else one that does not read; one that waits for an answer stays.
    pub(super) async fn enter(self: &Arc<Self>, number: u64) -> (Seat, oneshot::Receiver<()>) {
        while !self.has_room() {
            // One that reads may have read for long enough by then.
            let _ = timeout(READING_TIME / 4, self.left.notified()).await;
        }
        let (stays, ends) = oneshot::channel();
        self.guests().push(Guest { number, stage: Stage::Asking, _stays: stays });
        (Seat { room: Arc::clone(self), number }, ends)
    }

    fn has_room(&self) -> bool {
        let mut guests = self.guests();
        if guests.len() < MAX_CONNECTIONS {
            return true;
        }
        let asking = |guest: &Guest| matches!(guest.stage, Stage::Asking);
        let slow = |guest: &Guest| match guest.stage {
            Stage::Reading(since) => since.elapsed() >= READING_TIME,
            Stage::Asking | Stage::Waiting => false,
        };
        let goes = guests.iter().position(asking).or_else(|| guests.iter().position(slow));
        goes.map(|at| guests.remove(at)).is_some()
    }

    fn guests(&self) -> MutexGuard<'_, Vec<Guest>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// The request has come.
    pub(super) fn asked(&self) {
        self.reached(Stage::Waiting);
    }

    /// The answer is there.
    pub(super) fn answered(&self) {
        self.reached(Stage::Reading(Instant::now()));
    }

    fn reached(&self, stage: Stage) {
        let mut guests = self.room.guests();
        // A connection that was ended no longer takes a seat.
        let guest = guests.iter_mut().find(|guest| guest.number == self.number);
        guest.into_iter().for_each(|guest| guest.stage = stage);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.guests().retain(|guest| guest.number != self.number);
        self.room.left.notify_one();
    }
}

pub(super) const MAX_CONNECTIONS: usize = 64;
/// How long a client may read its answer while others wait for a seat.
const READING_TIME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    type Guests = Vec<(Seat, oneshot::Receiver<()>)>;

    async fn full() -> (Arc<Room>, Guests) {
        let room = Arc::new(Room::default());
        let mut guests = Guests::new();
        for number in 0..MAX_CONNECTIONS as u64 {
            guests.push(room.enter(number).await);
        }
        (room, guests)
    }

    /// Which of them were ended.
    fn gone(guests: &mut Guests) -> Vec<usize> {
        let ended = |ends: &mut oneshot::Receiver<()>| {
            matches!(ends.try_recv(), Err(oneshot::error::TryRecvError::Closed))
        };
        (0..guests.len()).filter(|at| ended(&mut guests[*at].1)).collect()
    }

    #[tokio::test]
    async fn who_asks_for_nothing_goes_first_and_who_waits_stays() {
        let (room, mut guests) = full().await;
        assert!(gone(&mut guests).is_empty(), "there is room for so many");
        guests[0].0.asked();
        guests.push(room.enter(100).await);
        guests.push(room.enter(101).await);
        assert_eq!(gone(&mut guests), [1, 2]);
    }

    #[tokio::test]
    async fn who_does_not_read_goes_and_the_next_waits_for_that() {
        let (room, mut guests) = full().await;
        guests.iter().for_each(|(seat, _)| seat.asked());
        guests[7].0.answered();
        guests.push(room.enter(100).await);
        assert_eq!(gone(&mut guests), [7]);
    }

    #[tokio::test]
    async fn a_place_is_free_when_its_connection_has_ended() {
        let (room, mut guests) = full().await;
        guests.iter().for_each(|(seat, _)| seat.asked());
        guests.truncate(MAX_CONNECTIONS - 1);
        guests.push(room.enter(100).await);
        assert!(gone(&mut guests).is_empty());
        let numbers: Vec<_> = room.guests().iter().map(|guest| guest.number).collect();
        let expected: Vec<_> = (0..MAX_CONNECTIONS as u64 - 1).chain(iter::once(100)).collect();
        assert_eq!(numbers, expected);
    }
}
