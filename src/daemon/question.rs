//! Asks a program something, in a separate process, so that neither its disk nor what it does can
//! delay anything else, or take more than a little memory.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::misleading::is_misleading;
use crate::shortage::explain;
use crate::thread::{Unfinished, Workers};

use super::program::{Identity, Program};
use super::signals;

/// When a program that is asked now must have answered.
pub(crate) fn deadline() -> Instant {
    Instant::now() + LIMIT
}

/// What the file of `program` is now.
///
/// # Errors
/// Why it can't be found out by `end`, for people.
pub(crate) async fn identity(
    program: &Program,
    end: Instant,
) -> Result<io::Result<Identity>, String> {
    let of = program.clone();
    let identity = ASKERS.run(time_left(end), move || of.identity()).await;
    identity.map_err(|unfinished| explain_unfinished(program.path(), &unfinished))
}

/// Runs the program at `path`; returns what it writes to standard output, which may be secret.
///
/// # Errors
/// Why that has not succeeded by `end`, for people.
pub(crate) async fn ask(
    path: &Path,
    arguments: impl IntoIterator<Item = OsString>,
    end: Instant,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let name = path.display();
    let (command, runtime) = (command(path, arguments), Handle::current());
    let start = move || {
        signals::leave_to_children();
        let _inside = runtime.enter();
        AskedProgram::start(command)
    };
    let started = ASKERS.run(time_left(end), start).await;
    let started = started.map_err(|unfinished| explain_unfinished(path, &unfinished))?;
    let mut asked = started.map_err(|error| format!("can't run {name}: {}", explain(&error)))?;
    match timeout_at(end, asked.answer()).await {
        Ok(Ok(answer)) if answer.status.success() => Ok(answer.output),
        Ok(Ok(answer)) => Err(format!("{name} refuses: {}", answer.complaint())),
        Ok(Err(error)) => Err(format!("can't ask {name}: {error}")),
        Err(_) => Err(explain_unfinished(path, &Unfinished::Hangs)),
    }
}

fn time_left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

fn command(path: &Path, arguments: impl IntoIterator<Item = OsString>) -> Command {
    let mut command = Command::new(path);
    command.args(arguments).env(ASKED, "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A process group of its own, so that what it starts ends with it.
    command.process_group(0);
    command
}

fn explain_unfinished(path: &Path, unfinished: &Unfinished) -> String {
    let (name, seconds) = (path.display(), LIMIT.as_secs());
    match unfinished {
        Unfinished::Hangs => {
            format!("{name} did not say within {seconds} s whether it can take over")
        }
        Unfinished::NoThread(error) => format!("can't run {name}: {}", explain(error)),
        Unfinished::Panicked => format!("can't run {name}: a bug"),
    }
}

/// A process that was asked. It ends when nobody waits for its answer any more.
struct AskedProgram {
    child: Child,
}

impl AskedProgram {
    fn start(command: Command) -> io::Result<Self> {
        let mut command = tokio::process::Command::from(command);
        Ok(Self { child: command.kill_on_drop(true).spawn()? })
    }

    async fn answer(&mut self) -> io::Result<ProgramAnswer> {
        let (output, errors) = (self.child.stdout.take(), self.child.stderr.take());
        let (output, errors) = tokio::try_join!(read(output), beginning_of(errors))?;
        Ok(ProgramAnswer { status: self.child.wait().await?, output, errors })
    }
}

impl Drop for AskedProgram {
    fn drop(&mut self) {
        // Once waited for, its number may be another process's.
        let group = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        // It may have ended just now.
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::new());
    if let Some(from) = from {
        from.take(MOST_OUTPUT as u64 + 1).read_to_end(&mut text).await?;
    }
    if text.len() > MOST_OUTPUT { Err(too_much()) } else { Ok(text) }
}

/// The beginning of the output. The rest is read and discarded, since a program that can't write
/// would never end; but not without limit, since a program may never stop writing.
async fn beginning_of(from: Option<impl AsyncRead + Unpin>) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::new());
    if let Some(mut from) = from {
        (&mut from).take(MOST_ERRORS).read_to_end(&mut text).await?;
        let mut rest = from.take(MOST_OUTPUT as u64 + 1);
        let rest = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
        if rest > MOST_OUTPUT as u64 {
            return Err(too_much());
        }
    }
    Ok(text)
}

fn too_much() -> io::Error {
    io::Error::other(format!("it says more than {} MiB", MOST_OUTPUT >> 20))
}

struct ProgramAnswer {
    status: ExitStatus,
    output: Zeroizing<Vec<u8>>,
    errors: Zeroizing<Vec<u8>>,
}

impl ProgramAnswer {
    /// The beginning of its error message, on one line.
    fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.errors);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        let text: String = lines.join(" / ").chars().take(LONGEST_COMPLAINT).collect();
        let text = text.replace(is_misleading, "?");
        if text.is_empty() {
            format!("it says nothing ({})", self.status)
        } else {
            format!("{text} ({})", self.status)
        }
    }
}

static ASKERS: Workers = Workers::new("the next program");
/// The environment variable that tells a program that the one asking understands an answer on
/// standard output.
pub(crate) const ASKED: &str = "JAT_PROXY_ASKED";
/// How long a program may take to find out whether it can take over.
const LIMIT: Duration = Duration::from_secs(5);
/// Room for all files of a configuration, and for the system's CA certificates.
const MOST_OUTPUT: usize = 16 << 20;
const MOST_ERRORS: u64 = 64 << 10;
const LONGEST_COMPLAINT: usize = 600;
