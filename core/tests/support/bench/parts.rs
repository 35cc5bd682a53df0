//! The parts of translating a stanza, each by itself.

use std::hint::black_box;

use hmac::{Hmac, KeyInit, Mac};
use jat_core::base32;
use jat_core::stanza::head::{Head, Rewrite};
use jat_core::stanza::limits::Limits;
use jat_core::stanza::splitter::{Piece, Splitter};
use jat_core::stanza::tag::{Attribute, Tag};
use sha2::Sha256;

use super::by_turns::{self, Task};
use super::form::Form;
use super::proxy::Proxy;
use crate::xml::Stanza;

/// The parts of translating one request.
pub struct Parts {
    request: String,
    head: String,
    attributes: Vec<Attribute>,
    to: String,
    from: String,
    token: Vec<u8>,
    mac: Hmac<Sha256>,
}

impl Parts {
    pub fn of(request: &str) -> Self {
        let forwarded = Proxy::new().relay(request);
        let Stanza { to, from, .. } = Stanza::read(&forwarded);
        let (to, from) = (to.to_owned(), from.to_owned());
        let head = request.split_inclusive('>').next().expect("a start tag").to_owned();
        let mut attributes = Vec::new();
        let _ = Tag::read(head.as_bytes(), |attribute| attributes.push(attribute.clone()));
        let (_, token) = from.split_once('/').expect("a token");
        let mut room = vec![0; token.len()];
        let token = base32::decode(token, &mut room).expect("base32").to_vec();
        let mac = Hmac::new_from_slice(&[1; 32]).expect("HMAC takes keys of any length");
        Self { request: request.to_owned(), head, attributes, to, from, token, mac }
    }

    /// Finds the stanza's boundaries.
    pub fn split(&self, splitter: &mut Splitter) {
        let piece = splitter.next(black_box(self.request.as_bytes())).expect("well formed");
        assert!(matches!(piece, Some(Piece::Element(_))));
        splitter.rebase();
    }

    pub fn splitter() -> Splitter {
        Splitter::new(Limits::default())
    }

    /// Decodes the start tag, as the splitter read it, and writes it with other addresses.
    pub fn head(&self, output: &mut Vec<u8>) {
        output.clear();
        let head = Head::new(black_box(&self.head), &self.attributes).expect("well formed");
        head.rewrite(&Rewrite { to: &self.to, from: self.from.as_str().into(), id: None }, output);
        black_box(output);
    }

    /// Writes a token's bytes as base32, or reads them.
    pub fn encode(&self, text: &mut Vec<u8>) {
        text.clear();
        base32::append(black_box(&self.token), text);
        black_box(text);
    }

    pub fn decode(&self, bytes: &mut [u8]) {
        let (_, token) = self.from.split_once('/').expect("a token");
        black_box(base32::decode(black_box(token), bytes)).expect("base32");
    }

    /// The token's bytes.
    pub fn token(&self) -> &[u8] {
        &self.token
    }

    /// The MAC over as many bytes as a token's: the token without its tag, both addresses, the domain
    /// separation, and a count and four lengths.
    pub fn mac(&self, message: &[u8]) {
        let mut mac = self.mac.clone();
        mac.update(black_box(message));
        black_box(mac.finalize());
    }

    pub fn message(&self) -> Vec<u8> {
        let (asked, _) = self.from.split_once('/').expect("a token");
        vec![7; self.token.len() - 16 + asked.len() + self.to.len() + "jat-proxy/v1".len() + 5 * 8]
    }

    pub fn decoded(&self) -> Vec<u8> {
        vec![0; self.token.len()]
    }

    /// Prints a table of each part's share of the whole.
    pub fn compare(&self, proxy: &mut Proxy, form: Form) {
        let mut splitter = Self::splitter();
        let (mut output, mut text, mut copied) = (Vec::new(), Vec::new(), Vec::new());
        let message = self.message();
        let tasks = vec![
            Task::new("the whole", || {
                proxy.turn(black_box(self.request.as_bytes()));
            }),
            Task::new("splitter", || self.split(&mut splitter)),
            Task::new("head, read and written", || self.head(&mut output)),
            Task::new("HMAC", || self.mac(&message)),
            Task::new("base32", || self.encode(&mut text)),
            Task::new("copying", || {
                copied.clear();
                copied.extend_from_slice(black_box(self.request.as_bytes()));
                black_box(&mut copied);
            }),
        ];
        let names: Vec<String> = tasks.iter().map(|task| task.name.clone()).collect();
        let times = by_turns::time(tasks, form);
        let mut rest = 100.0;
        for (name, time) in names.iter().zip(&times) {
            let share = 100.0 * time.over(times[0]);
            println!("| {name} | {:.0} | {share:.0} |", time.0);
            rest -= if name == "the whole" { 0.0 } else { share };
        }
        println!("| all else: the verdict, counting, buffers | | {rest:.0} |");
    }
}
