//! What happened to each message, and what users see of the bots' presence.

use std::collections::BTreeMap;
use std::time::Instant;

/// The records of all messages, by number.
#[derive(Default)]
pub struct Chats {
    messages: Vec<Message>,
    /// The last message that arrived from one to the other.
    last: BTreeMap<Way, usize>,
    /// Messages that came after a later one of the same sender to the same recipient.
    pub overtaken: usize,
    wrong: Vec<String>,
    /// What each user sees of each bot: its status, or that it is offline.
    seen: BTreeMap<(usize, String), Option<String>>,
}

/// From a user to a bot, or back.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    There { user: usize, bot: usize },
    Back { user: usize, bot: usize },
}

pub struct Message {
    pub user: usize,
    pub sent: Instant,
    /// The bots that read and answered it, and when. There may be several if it was sent to a resource
    /// that is gone: a server gives such a message to all (RFC 6121, section 8.5.3.2.1).
    pub read: Vec<(usize, Instant)>,
    /// Those whose answers arrived.
    pub answered: Vec<usize>,
    pub error: Option<String>,
}

impl Message {
    fn readers(&self) -> impl Iterator<Item = usize> {
        self.read.iter().map(|(bot, _)| *bot)
    }

    /// An answer came, or an error.
    pub fn is_over(&self) -> bool {
        !self.answered.is_empty() || self.error.is_some()
    }
}

impl Chats {
    /// The number of a new message.
    pub fn write(&mut self, user: usize) -> usize {
        let sent = Instant::now();
        let (read, answered) = (Vec::new(), Vec::new());
        self.messages.push(Message { user, sent, read, answered, error: None });
        self.messages.len() - 1
    }

    /// A bot reads a message, which contains its number and its sender.
    pub fn read(&mut self, number: usize, user: usize, bot: usize) {
        let Some(message) = self.messages.get_mut(number).filter(|it| it.user == user) else {
            let wrong = format!("bot {bot} reads {number} of {user}, who did not write it");
            return self.wrong.push(wrong);
        };
        if message.readers().any(|it| it == bot) {
            return self.wrong.push(format!("bot {bot} reads {number} again"));
        }
        message.read.push((bot, Instant::now()));
        self.note(Way::There { user, bot }, number);
    }

    /// A user gets the answer of a bot.
    pub fn comes(&mut self, number: usize, user: usize, bot: usize) {
        let known = self.messages.get_mut(number);
        let Some(message) = known.filter(|it| it.user == user && it.readers().any(|it| it == bot))
        else {
            let wrong = format!("user {user} gets an answer to {number} that {bot} never sent");
            return self.wrong.push(wrong);
        };
        if message.answered.contains(&bot) {
            return self.wrong.push(format!("user {user} gets two answers of {bot} to {number}"));
        }
        message.answered.push(bot);
        self.note(Way::Back { user, bot }, number);
    }

    /// A user gets an error instead of an answer.
    pub fn fails(&mut self, number: usize, user: usize, error: String) {
        match self.messages.get_mut(number).filter(|it| it.user == user && it.error.is_none()) {
            Some(message) => message.error = Some(error),
            None => self.wrong.push(format!("user {user} gets an error for {number}: {error}")),
        }
    }

    fn note(&mut self, way: Way, number: usize) {
        let last = self.last.entry(way).or_default();
        self.overtaken += usize::from(number < *last);
        *last = number.max(*last);
    }

    /// What a user sees of a bot's resource from now on; `None`: that it is offline.
    pub fn sees(&mut self, user: usize, resource: &str, status: Option<String>) {
        self.seen.insert((user, resource.to_owned()), status);
    }

    /// A user has logged in again, and has seen nobody yet.
    pub fn forgets(&mut self, user: usize) {
        self.seen.retain(|(of, _), _| *of != user);
    }

    /// The statuses of the bots that this user sees, sorted.
    pub fn seen_by(&self, user: usize) -> Vec<&str> {
        let its = self.seen.iter().filter(|((of, _), _)| *of == user);
        let mut seen: Vec<_> = its.filter_map(|(_, status)| status.as_deref()).collect();
        seen.sort_unstable();
        seen
    }

    pub fn mark(&self) -> usize {
        self.messages.len()
    }

    /// How many messages since then were read by more than one bot.
    pub fn copied(&self, since: usize) -> usize {
        self.since(since).filter(|it| it.read.len() > 1).count()
    }

    pub fn since(&self, mark: usize) -> impl Iterator<Item = &Message> {
        self.messages[mark..].iter()
    }

    /// # Panics
    /// Something came twice, or to the wrong one.
    pub fn assert_right(&self) {
        assert!(self.wrong.is_empty(), "{} wrong: {:#?}", self.wrong.len(), self.wrong.first());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// User 2 has written twice, and bot 5 has read both.
    fn read() -> Chats {
        let mut chats = Chats::default();
        for number in 0..2 {
            assert_eq!(chats.write(2), number);
            chats.read(number, 2, 5);
        }
        chats.assert_right();
        chats
    }

    #[test]
    fn what_comes_once_and_in_order_is_right() {
        let mut chats = read();
        chats.comes(0, 2, 5);
        chats.comes(1, 2, 5);
        chats.assert_right();
        assert_eq!((chats.overtaken, chats.copied(0)), (0, 0));
        assert!(chats.since(0).all(Message::is_over));
    }

    #[test]
    fn each_violation_is_found() {
        for (wrong, words) in [
            (
                Box::new(|chats: &mut Chats| chats.read(0, 2, 5)) as Box<dyn Fn(&mut Chats)>,
                "reads 0 again",
            ),
            (Box::new(|chats| chats.read(0, 3, 5)), "who did not write it"),
            (Box::new(|chats| chats.read(9, 2, 5)), "who did not write it"),
            (Box::new(|chats| chats.comes(0, 2, 4)), "that 4 never sent"),
            (Box::new(|chats| chats.comes(0, 3, 5)), "that 5 never sent"),
            (
                Box::new(|chats| {
                    chats.comes(0, 2, 5);
                    chats.comes(0, 2, 5);
                }),
                "two answers of 5 to 0",
            ),
            (Box::new(|chats| chats.fails(0, 3, "gone".into())), "gets an error for 0"),
        ] {
            let mut chats = read();
            wrong(&mut chats);
            assert!(chats.wrong[0].contains(words), "{:?}", chats.wrong);
            assert!(std::panic::catch_unwind(|| chats.assert_right()).is_err());
        }
    }

    #[test]
    fn copies_are_counted() {
        let mut chats = read();
        chats.read(0, 2, 4);
        chats.comes(0, 2, 5);
        chats.comes(0, 2, 4);
        assert_eq!((chats.copied(0), chats.copied(1)), (1, 0));
        chats.assert_right();
    }

    #[test]
    fn what_is_overtaken_is_counted_each_way() {
        let mut there = Chats::default();
        (0..3).for_each(|_| assert!(there.write(2) < 3));
        there.read(1, 2, 5);
        there.read(2, 2, 4);
        // Another bot's are not compared.
        assert_eq!(there.overtaken, 0);
        there.read(0, 2, 5);
        assert_eq!(there.overtaken, 1);
        let mut back = read();
        back.comes(1, 2, 5);
        back.comes(0, 2, 5);
        assert_eq!(back.overtaken, 1);
        back.assert_right();
    }

    #[test]
    fn a_user_sees_who_is_there() {
        let mut chats = Chats::default();
        chats.sees(1, "a", Some("here".into()));
        chats.sees(1, "b", Some("too".into()));
        chats.sees(2, "a", Some("here".into()));
        chats.sees(1, "b", None);
        assert_eq!(chats.seen_by(1), ["here"]);
        chats.forgets(1);
        assert!(chats.seen_by(1).is_empty() && chats.seen_by(2) == ["here"]);
    }
}
