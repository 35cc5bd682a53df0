//! Where the limit is: processor time of the server and of jat-proxy for one request and its
//! reply, on a real Prosody and a real ejabberd.
//!
//!     cargo bench --bench servers
//!
//! A user keeps requests in flight to a bot: once straight to the bot's own address, so that the
//! server routes two stanzas for each, and then through jat-proxy, which makes four: many at a
//! time, which share reads and writes, and one after the other.
//! User and bot run in this process and compete for the same processors, so it is the
//! processor time that counts, not how long it took.

#![allow(dead_code, reason = "the stage of the interop tests has more than is needed here")]

#[path = "../tests/interop/client.rs"]
mod client;
#[path = "../tests/interop/process.rs"]
mod process;
#[path = "../tests/interop/proxy.rs"]
mod proxy;
#[path = "../tests/interop/scene.rs"]
mod scene;
#[path = "../tests/interop/server/mod.rs"]
mod server;
#[path = "../tests/interop/stanza.rs"]
mod stanza;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use client::{Client, is_reply, is_request};
use scene::Scene;
use server::Kind;

const WARM_UP: usize = 1_000;
const MEASURED: usize = 8_000;

fn main() {
    println!(
        "| server | way | in flight | round trips/s here | server's time | jat-proxy's time |"
    );
    println!("|---|---|---|---|---|---|");
    for (kind, mark) in [(Kind::Prosody, "prosody.cfg.lua"), (Kind::Ejabberd, "mnesia")] {
        let scene = Scene::new(kind);
        let mut bot = scene.service("a");
        let straight = bot.jid.clone();
        bot = measure(&scene, bot, &straight, 100, mark);
        let domain = scene.domain.clone();
        bot = measure(&scene, bot, &domain, 100, mark);
        measure(&scene, bot, &domain, 1, mark);
        let peak = status(child("jat-proxy.toml"), "VmHWM:");
        println!("jat-proxy behind {kind} took {peak} of memory at most");
    }
}

/// Measures round trips to `to`; gives the bot back.
fn measure(scene: &Scene, mut bot: Client, to: &str, in_flight: usize, server: &str) -> Client {
    let mut user = scene.user();
    let answering = thread::spawn(move || {
        for _ in 0..WARM_UP + MEASURED {
            let request = bot.receive_where("a request", is_request);
            bot.answer(&request, "<answer xmlns='urn:example:ask'/>");
        }
        bot
    });
    round_trips(&mut user, to, WARM_UP, in_flight);
    let processes = [server, "jat-proxy.toml"].map(child);
    let (before, start) = (processes.map(cpu_time), Instant::now());
    round_trips(&mut user, to, MEASURED, in_flight);
    let rate = MEASURED as f64 / start.elapsed().as_secs_f64();
    let micros = |index: usize| {
        let spent: Duration = cpu_time(processes[index]) - before[index];
        spent.as_secs_f64() * 1e6 / MEASURED as f64
    };
    let kind = scene.server.kind;
    let way = if to == scene.domain { "through jat-proxy" } else { "straight to the bot" };
    let (theirs, ours) = (micros(0), micros(1));
    println!("| {kind} | {way} | {in_flight} | {rate:.0} | {theirs:.0} µs | {ours:.0} µs |");
    answering.join().expect("the bot answers all")
}

fn round_trips(user: &mut Client, to: &str, count: usize, in_flight: usize) {
    let (mut asked, mut answered) = (0, 0);
    while answered < count {
        while asked < count && asked - answered < in_flight {
            asked += 1;
            user.ask(to, &format!("request-{asked}"));
        }
        let reply = user.receive_where("a reply", is_reply);
        assert_eq!(reply.attr("type"), Some("result"), "{reply:?}");
        answered += 1;
    }
}

/// The child of this process with `mark` in its command line.
fn child(mark: &str) -> u32 {
    let ours = |pid: &u32| {
        let parent = status(*pid, "PPid:") == std::process::id().to_string();
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        parent && String::from_utf8_lossy(&line).contains(mark)
    };
    let all = fs::read_dir("/proc").expect("/proc is there").flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(ours)
        .max()
        .unwrap_or_else(|| panic!("no child with {mark} in its command line"))
}

/// A line of /proc/PID/status.
fn status(pid: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

/// Time on a processor so far, in user mode and in the kernel (proc(5), fields 14 and 15).
fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|n| n.parse::<u32>().expect("a number"))
        .sum();
    // A hundredth of a second on every Linux that there is.
    Duration::from_millis(10) * ticks
}
