//! Hosts that are network namespaces on this machine, with cables between them that can be cut. They
//! have no names, so that nothing remains after the test run. Needs root and iproute2.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process::{Process, command};
use crate::wait::wait_until;
use crate::{repository, scratch};

/// A host, and its address among the others.
pub struct Host {
    pub address: Ipv4Addr,
    space: Space,
}

/// A switch that hosts are connected to.
pub struct Network {
    switch: Space,
}

impl Network {
    pub fn new() -> Network {
        let switch = Space::new();
        switch.shell("ip link add name switch type bridge && ip link set switch up");
        Network { switch }
    }

    /// Adds a host, whose address ends with this number, which is below 100. The operator of a server
    /// there has another address, higher by [`OPERATOR`].
    pub fn host(&self, number: u8) -> Arc<Host> {
        let space = Space::new();
        let address = Ipv4Addr::new(10, 77, 0, number);
        let operator = Ipv4Addr::new(10, 77, 0, number + OPERATOR);
        let (here, there) = (space.holder_id(), self.switch.holder_id());
        run(Command::new("ip")
            .args(["link", "add", "eth0", "netns", &here, "type", "veth"])
            .args(["peer", "name", &format!("port{number}"), "netns", &there]));
        self.switch.shell(&format!(
            "ip link set port{number} master switch && ip link set port{number} up"
        ));
        space.shell(&format!(
            "ip link set lo up && ip address add {address}/24 dev eth0 && \
             ip address add {operator}/24 dev eth0 && ip link set eth0 up"
        ));
        Arc::new(Host { address, space })
    }

    /// Delays all packets to and from the host with this number from now on, and drops so many percent,
    /// each way. Only for one host at a time. Not every kernel has a queue for that, so a program does
    /// it.
    pub fn slow_down(&self, number: u8, milliseconds: u32, percent: u32) -> SlowWay {
        let mut program = command("/usr/bin/python3");
        program.arg(repository().join("tests/cluster/slow_way.py"));
        program.args([milliseconds.to_string(), percent.to_string()]);
        let (program, output) =
            Process::start_piped(self.switch.command(&program), &scratch().join("hosts"));
        let mut said = String::new();
        BufReader::new(output).read_line(&mut said).expect("it is text");
        assert_eq!(said, "up\n", "see {}", scratch().join("hosts").display());
        self.switch.shell(&format!(
            "ip link add name far type bridge && ip link set far up && \
             ip link set slow0 master far && ip link set slow0 up && \
             ip link set slow1 master switch && ip link set slow1 up && \
             ip link set port{number} master far"
        ));
        SlowWay { number, _program: program }
    }

    /// Restores the network.
    pub fn mend(&self, way: SlowWay) {
        let number = way.number;
        self.switch.shell(&format!("ip link set port{number} master switch && ip link delete far"));
    }
}

/// A network to a host that is slow and loses packets.
pub struct SlowWay {
    number: u8,
    _program: Process,
}

impl Host {
    /// Packets between these hosts are silently dropped from now on.
    pub fn cut_off(&self, others: &[Arc<Host>]) {
        for other in others {
            self.lose_packets_for(other);
            other.lose_packets_for(self);
        }
    }

    /// Restores the cables between them.
    pub fn reconnect(&self, others: &[Arc<Host>]) {
        for other in others {
            self.find_again(other);
            other.find_again(self);
        }
    }

    fn lose_packets_for(&self, other: &Host) {
        // A hardware address that nobody has, so that nobody gets these packets.
        let to = other.address;
        self.space.shell(&format!(
            "ip neighbour replace {to} lladdr 02:00:00:00:00:fe nud permanent dev eth0"
        ));
    }

    fn find_again(&self, other: &Host) {
        self.space.shell(&format!("ip neighbour delete {} dev eth0", other.address));
    }

    /// Runs this on the host: its sockets are in that namespace.
    pub fn run<T: Send>(&self, job: impl FnOnce() -> T + Send) -> T {
        // A namespace belongs to a thread, which is used for nothing else.
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let space = File::open(self.space.path()).expect("it is there as long as the host");
                move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("only root can do this");
                job()
            });
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }
}

/// Runs this on the host, if there is one.
pub fn on<T: Send>(host: Option<&Arc<Host>>, job: impl FnOnce() -> T + Send) -> T {
    match host {
        Some(host) => host.run(job),
        None => job(),
    }
}

/// The same command, run on the host, if there is one.
pub fn command_on(host: Option<&Arc<Host>>, command: Command) -> Command {
    match host {
        Some(host) => host.space.command(&command),
        None => command,
    }
}

/// A network namespace, kept by a process of ours.
struct Space {
    holder: Process,
}

impl Space {
    fn new() -> Space {
        let mut holder = command("unshare");
        holder.args(["--net", "sleep", "infinity"]);
        let space = Space { holder: Process::start(holder, &scratch().join("hosts")) };
        let own = fs::read_link("/proc/self/ns/net").expect("a process has one");
        wait_until("a network namespace, which needs root", || {
            fs::read_link(space.path()).is_ok_and(|it| it != own)
        });
        space
    }

    fn holder_id(&self) -> String {
        self.holder.id().to_string()
    }

    fn path(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.holder.id()).into()
    }

    fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--net={}", self.path().display()));
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside
    }

    fn shell(&self, said: &str) {
        run(&mut self.command(Command::new("sh").args(["-c", said])));
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("the system has it");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// How much higher the number in the address of a server's operator is.
pub const OPERATOR: u8 = 100;
