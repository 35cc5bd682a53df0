//! Where the limit is: processor time of the server and of jat-proxy for one request and its
//! reply, on a real Prosody and a real ejabberd.
//!
//!     cargo bench --bench servers
//!
//! or `cargo bench --bench servers -- debian-13` for those of another Debian, which
//! `tests/debian servers 13` makes.
//!
//! A user keeps requests in flight to a bot: once straight to the bot's own address, so that the
//! server routes two stanzas for each, and then through jat-proxy, which makes four: many at a
//! time, which share reads and writes, and one after another. On Prosody the same goes through
//! mod_client_proxy, which has no process of its own: what it takes is part of the server's time.
//! `MOD_CLIENT_PROXY=folder` names a folder with the module; without it a stand-in is measured.
//! User and bot run in this process and compete for the same processors, so it is the
//! processor time that counts, not how long it took.
//!
//! Then a program that does the same reads and writes, and nothing else, does as many of them in
//! the same time, while the server is as busy with other things:
//! ss(8) shows the bytes that jat-proxy's socket has received and sent, and its segments; on this
//! interface a write is a segment, and each wake-up of jat-proxy is one read and one write. Fails
//! if a target is missed.

mod moves;

use std::fs;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use core_tests::bench::form::{self, Form};
use core_tests::bench::gate::Gates;
use core_tests::bench::usage::{cpu_time, cpu_time_since, status};
use test_support::interop::client::{Client, is_reply, is_request};
use test_support::interop::client_proxy;
use test_support::interop::scene::Scene;
use test_support::interop::server::{HOST, Kind, Server, Software, Suite};

use moves::Moves;

fn main() {
    if let [_, "move", server, read, write] =
        std::env::args().collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        let size = |text: &str| text.parse().expect("a size");
        return moves::do_nothing_else(server, size(read), size(write));
    }
    let form = Form::of_this_run();
    println!(
        "| server | way | in flight | round trips/s here | server, CPU s for 100,000 | \
         jat-proxy, CPU s for 100,000 | of the server's | bytes in / out a wake-up | the same \
         reads and writes alone, CPU s | jat-proxy's is |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let count = Count { warm_up: form.pick(1_000, 10), measured: form.pick(10_000, 100) };
    let (mut gates, mut peaks) = (Gates::new(form), Vec::new());
    for kind in kinds() {
        let scene = Scene::new(kind);
        let mut bot = scene.service("a");
        let straight = bot.jid.clone();
        let way = ("straight to the bot", &*straight);
        bot = count.measure_without(scene.server, bot, way, 64);
        bot = count.measure(&scene, bot, 64, &mut gates);
        count.measure(&scene, bot, 1, &mut gates);
        let peak = status(child("jat-proxy.toml"), "VmHWM:");
        peaks.push(format!("jat-proxy behind {kind} took {peak} of memory at most"));
        if kind.is(Software::Prosody) {
            count.measure_module(kind);
        }
    }
    println!("\n{}", peaks.join("\n"));
    gates.finish();
}

/// The servers of the Debian systems that the arguments name, or else of this one.
fn kinds() -> Vec<Kind> {
    let asked = form::arguments();
    let wanted = |kind: &Kind| match &asked[..] {
        [] => Suite::here() == Some(kind.suite),
        asked => asked.iter().any(|name| kind.to_string().starts_with(name)),
    };
    let all = [Suite::Debian12, Suite::Debian13, Suite::Sid].into_iter().flat_map(|suite| {
        [Software::Prosody, Software::Ejabberd].map(|software| Kind { software, suite })
    });
    let kinds: Vec<Kind> = all.filter(wanted).collect();
    assert!(!kinds.is_empty(), "no such server: {asked:?}, and this system is none of theirs");
    kinds
}

/// How many round trips to measure of each kind.
#[derive(Clone, Copy)]
struct Count {
    warm_up: usize,
    measured: usize,
}

impl Count {
    /// Measures round trips without jat-proxy, to this address; returns the bot that answers.
    fn measure_without(
        self,
        server: &Server,
        bot: Client,
        (way, to): (&str, &str),
        in_flight: usize,
    ) -> Client {
        let mut user = Client::login(server, &server.new_account("user"), "abc");
        let answering = answer(bot, self.warm_up + self.measured);
        round_trips(&mut user, to, self.warm_up, in_flight);
        let process = process_of(server);
        let (before, start) = (cpu_time(process), Instant::now());
        round_trips(&mut user, to, self.measured, in_flight);
        let rate = self.measured as f64 / start.elapsed().as_secs_f64();
        let theirs = self.for_100_000(cpu_time_since(process, before));
        println!("| {} | {way} | {in_flight} | {rate:.0} | {theirs:.2} | | | | | |", server.kind);
        answering.join().expect("the bot answers all")
    }

    /// Measures round trips through the module that does in Prosody what jat-proxy does.
    fn measure_module(self, kind: Kind) {
        let (domain, node) = ("module.localhost", "bot");
        let component = format!(
            "Component \"{domain}\" \"client_proxy\"\n\ttarget_address = \"{node}@{HOST}\"\n"
        );
        let server = Server::start_changed(kind, |text| client_proxy::with(&text, &component));
        server.register(node);
        let mut bot = client_proxy::first_login(&server, node, "a", domain);
        let way = format!("through {}", client_proxy::name());
        for in_flight in [64, 1] {
            bot = self.measure_without(&server, bot, (&way, domain), in_flight);
        }
    }

    /// Measures round trips through jat-proxy, and then the same reads and writes alone; returns
    /// the bot.
    fn measure(self, scene: &Scene, bot: Client, in_flight: usize, gates: &mut Gates) -> Client {
        let (mut user, straight) = (scene.user(), bot.jid.clone());
        let answering = answer(bot, self.warm_up + self.measured + 2 * self.measured);
        round_trips(&mut user, &scene.domain, self.warm_up, in_flight);
        let processes = [process_of(scene.server), child("jat-proxy.toml")];
        let moved = || Moves::of_component(scene.server.component_port);
        let (before, moved_before, start) = (processes.map(cpu_time), moved(), Instant::now());
        round_trips(&mut user, &scene.domain, self.measured, in_flight);
        let elapsed = start.elapsed();
        let moves = moved().since(&moved_before);
        let [theirs, ours] =
            [0, 1].map(|index| self.for_100_000(cpu_time_since(processes[index], before[index])));
        // The processors are as busy as before, and their caches as cold: the server routes as many
        // stanzas in the meantime.
        let alone = thread::scope(|scope| {
            let replay = scope.spawn(|| moves.replay(elapsed));
            round_trips(&mut user, &straight, 2 * self.measured, in_flight);
            self.for_100_000(replay.join().expect("it moves all"))
        });
        let (kind, rate) = (scene.server.kind, self.measured as f64 / elapsed.as_secs_f64());
        let (percent, (bytes_in, bytes_out)) = (ours / theirs * 100.0, moves.sizes());
        println!(
            "| {kind} | through jat-proxy | {in_flight} | {rate:.0} | {theirs:.2} | {ours:.2} | \
             {percent:.1} % | {bytes_in} / {bytes_out} | {alone:.2} | {:.2} × |",
            ours / alone
        );
        let what = format!("{kind}, {in_flight} in flight");
        gates.at_most(format!("{what}: × the same reads and writes"), ours / alone, 2.0);
        if kind.is(Software::Prosody) && in_flight == 64 {
            gates.at_most(format!("{what}: % of the server's CPU"), percent, 3.0);
        }
        answering.join().expect("the bot answers all")
    }

    /// Seconds that 100,000 round trips would have taken.
    fn for_100_000(self, spent: Duration) -> f64 {
        spent.as_secs_f64() * 1e5 / self.measured as f64
    }
}

/// Has the bot answer so many requests.
fn answer(mut bot: Client, requests: usize) -> JoinHandle<Client> {
    thread::spawn(move || {
        for _ in 0..requests {
            let request = bot.receive_where("a request", is_request);
            bot.answer(&request, "<answer xmlns='urn:example:ask'/>");
        }
        bot
    })
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

/// That of the server, whose folder is in its command line.
fn process_of(server: &Server) -> u32 {
    let configuration = server.configuration();
    child(&configuration.parent().expect("a folder").display().to_string())
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
