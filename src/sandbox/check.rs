//! An image held against what is expected of it: booted several times, asked over HTTP inside its own network, timed
//! from exec to the first answer.

use std::fmt;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::http::{Answer, get};
use super::running::monotonic_nanoseconds;
use super::{Ending, Error, Network, OUTSIDE_ADDRESS, Output, Running, Startable, Tail};

/// How often an image is booted; the median of the times counts.
pub const STARTS: usize = 5;

/// How long to wait between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(1);

/// Lines of the program's output that are kept for the report.
const TAIL_LINES: usize = 20;

/// What is expected of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectations {
    /// From exec to the first right answer, at most.
    pub startup: Duration,
    /// What must be answered. Empty: only that the program starts and does not fail at once.
    pub requests: Vec<Request>,
}

/// A request, and the answer that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// TCP port.
    pub port: u16,
    /// Path with query.
    pub path: String,
    /// The status code; `None`: any below 500.
    pub status: Option<u16>,
    /// What the body must be, but for white space at its end.
    pub body: Option<String>,
}

/// How the image fared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Booted {
    /// From exec to the first right answer to the first request, or else to the first answer, for every start, in
    /// order.
    pub times: Vec<Duration>,
    /// What came of each request, in order.
    pub requests: Vec<Outcome>,
    /// How the program ended, where it did so by itself.
    pub ending: Option<Ending>,
    /// The end of the program's output, where something was not as expected.
    pub output: String,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered so.
    Answered(Answer),
    /// It could not be asked, for this reason.
    Silent(Silence),
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nothing listens on the port.
    NotListening,
    /// Something listens, but on the loopback address only, where nobody outside of the container reaches it.
    LoopbackOnly,
    /// The program ended first.
    Ended(Ending),
    /// It was too slow.
    TooSlow,
    /// What came was no answer.
    Broken(String),
}

impl Booted {
    /// The median of the times; `None` where there are none.
    pub fn median(&self) -> Option<Duration> {
        let mut times = self.times.clone();
        times.sort();
        times.get(times.len() / 2).copied()
    }
}

impl Request {
    /// Whether `answer` is what is expected.
    pub fn is_met_by(&self, answer: &Answer) -> bool {
        self.status.map_or(answer.status < 500, |status| answer.status == status)
            && self.body.as_ref().is_none_or(|body| answer.body.trim_end() == body.trim_end())
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListening => write!(formatter, "nothing listens there"),
            Self::LoopbackOnly => {
                write!(formatter, "it listens on 127.0.0.1 only, where nobody outside of the container reaches it")
            }
            Self::Ended(ending) => write!(formatter, "the program ended ({ending})"),
            Self::TooSlow => write!(formatter, "no answer in time"),
            Self::Broken(reason) => write!(formatter, "no HTTP answer: {reason}"),
        }
    }
}

impl Startable {
    /// Boots it up to [`STARTS`] times in a network of its own and asks what `expected` says. After a start that went
    /// wrong there is no other.
    pub fn check(&self, expected: &Expectations) -> Result<Booted, Error> {
        let mut booted = Booted::default();
        for _ in 0..STARTS {
            let fine = self.boot(expected, &mut booted)?;
            if !fine || expected.requests.is_empty() {
                break;
            }
        }
        Ok(booted)
    }

    /// One start; whether everything was as expected.
    fn boot(&self, expected: &Expectations, booted: &mut Booted) -> Result<bool, Error> {
        let mut sandbox = self.sandbox(&[])?;
        sandbox.network = Network::None;
        let mut running = sandbox.spawn(Output::Merged)?;
        let tail = running.take_output().map(Tail::follow).transpose()?;
        let Some(started) = running.wait_for_start()? else { return running.wait().map(|_| false) };
        let mut fine = true;
        booted.requests.clear();
        for request in &expected.requests {
            let (outcome, time) = ask(&mut running, request, started, expected.startup)?;
            if let Some(time) = time.filter(|_| booted.requests.is_empty()) {
                booted.times.push(time);
                fine &= time <= expected.startup;
            }
            fine &= matches!(&outcome, Outcome::Answered(answer) if request.is_met_by(answer));
            booted.requests.push(outcome);
        }
        if expected.requests.is_empty() {
            let end = expected.startup.min(Duration::from_secs(1));
            while since(started) < end && !running.has_ended()? {
                std::thread::sleep(PAUSE);
            }
        }
        if running.has_ended()? {
            let ending = running.wait()?;
            booted.ending = Some(ending);
            fine &= ending.is_success() && expected.requests.is_empty();
        }
        running.kill();
        if let Some(tail) = tail {
            let output = tail.finish(TAIL_LINES);
            if !fine {
                booted.output = output;
            }
        }
        Ok(fine)
    }
}

/// Asks until the answer is right, or too late for it to matter. The time is that of the right answer, or else of the
/// first.
fn ask(
    running: &mut Running,
    request: &Request,
    started: u64,
    startup: Duration,
) -> Result<(Outcome, Option<Duration>), Error> {
    let mut first = None;
    // Past its time a slow start is still measured, for a while; a wrong answer is not asked for again.
    let patience = (startup * 3).max(Duration::from_secs(5));
    let mut last = Outcome::Silent(Silence::NotListening);
    loop {
        if running.has_ended()? {
            let ending = running.wait()?;
            return Ok((Outcome::Silent(Silence::Ended(ending)), first));
        }
        match running.connect(OUTSIDE_ADDRESS, request.port)? {
            Ok(stream) => {
                let host = format!("{OUTSIDE_ADDRESS}:{}", request.port);
                match get(stream, &host, &request.path, patience.saturating_sub(since(started))) {
                    Ok(answer) if request.is_met_by(&answer) => {
                        return Ok((Outcome::Answered(answer), Some(since(started))));
                    }
                    Ok(answer) => {
                        first.get_or_insert(since(started));
                        last = Outcome::Answered(answer);
                    }
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        last = Outcome::Silent(Silence::TooSlow);
                    }
                    Err(error) => last = Outcome::Silent(Silence::Broken(error.to_string())),
                }
            }
            // It may have begun to listen between the two, so whoever asks from outside tries again.
            Err(_)
                if running.connect(Ipv4Addr::LOCALHOST, request.port)?.is_ok()
                    && running.connect(OUTSIDE_ADDRESS, request.port)?.is_err() =>
            {
                last = Outcome::Silent(Silence::LoopbackOnly);
            }
            Err(_) => {}
        }
        let limit = match last {
            Outcome::Silent(Silence::NotListening) => patience,
            _ => startup,
        };
        if since(started) >= limit {
            return Ok((last, first));
        }
        std::thread::sleep(PAUSE);
    }
}

fn since(nanoseconds: u64) -> Duration {
    Duration::from_nanos(monotonic_nanoseconds().saturating_sub(nanoseconds))
}
