//! Commands about the machine: `hostname` and `uname`, and those that change the running machine and nothing in the
//! image.
//!
//! An image is built on one machine and runs on others, so of the machine only what is the same everywhere is known:
//! its host name is `localhost`, as under `scripts = "run"`, and its architecture is the image's. What a command does
//! to the running kernel leaves the image as it is; only whether it succeeds is not known.

use super::super::run_script::HOST_NAME;
use super::flow::{Flow, unknown};
use super::options::Options;
use super::shell::Shell;
use super::streams::Streams;

/// Architectures that Linux and musl call by the same name.
const ARCHITECTURES: [&str; 7] = ["x86_64", "aarch64", "riscv64", "ppc64le", "s390x", "loongarch64", "mips64"];

impl Shell<'_> {
    pub(super) fn hostname(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(options) = Options::parse(arguments, "sfd", "") else { return unknown("an option of `hostname`") };
        if !options.operands.is_empty() {
            return unknown("`hostname` that sets one");
        }
        if !options.has('f') && !options.has('d') {
            self.print_line(streams, HOST_NAME)?;
            return Ok(0);
        }
        let hosts = self.read_text("/etc/hosts")?.unwrap_or_default();
        // Of the line that names the host, the first name is its full one.
        let names = |line: &str| -> Vec<String> {
            line.split('#').next().unwrap_or_default().split_whitespace().skip(1).map(str::to_owned).collect()
        };
        let line = hosts.lines().map(names).find(|names| names.iter().any(|name| name == HOST_NAME));
        let full = line.and_then(|names| names.into_iter().next()).unwrap_or_else(|| HOST_NAME.to_owned());
        let shown =
            if options.has('f') { full } else { full.split_once('.').map_or(String::new(), |it| it.1.to_owned()) };
        self.print_line(streams, &shown)?;
        Ok(0)
    }

    pub(super) fn uname(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(options) = Options::parse(arguments, "asnrvmpio", "") else { return Ok(1) };
        for (letter, what) in [('a', "release"), ('r', "release"), ('v', "version")] {
            if options.has(letter) {
                return unknown(format!("the {what} of the running kernel"));
            }
        }
        let mut shown: Vec<&str> = Vec::new();
        let has_none = ['s', 'n', 'm', 'p', 'i', 'o'].iter().all(|letter| !options.has(*letter));
        if options.has('s') || has_none {
            shown.push("Linux");
        }
        if options.has('n') {
            shown.push(HOST_NAME);
        }
        if options.has('m') {
            let names = self.names_in("lib")?;
            let found = ARCHITECTURES.iter().find(|arch| names.contains(&format!("ld-musl-{arch}.so.1")));
            let Some(arch) = found else { return unknown("the machine's architecture") };
            shown.push(arch);
        }
        shown.extend(['p', 'i'].iter().filter(|letter| options.has(**letter)).map(|_| "unknown"));
        if options.has('o') {
            shown.push("Linux");
        }
        self.print_line(streams, &shown.join(" "))?;
        Ok(0)
    }

    /// A command that changes nothing but the running machine.
    pub(super) fn elsewhere(&mut self, name: &str) -> u8 {
        self.unknown_status = Some(format!("whether `{name}` succeeds depends on the running machine"));
        0
    }

    pub(super) fn udevadm(&mut self, arguments: &[String], _: &mut Streams) -> Flow<u8> {
        match arguments.first().map(String::as_str) {
            Some("control" | "trigger" | "settle") => Ok(self.elsewhere("udevadm")),
            _ => unknown("this use of `udevadm`"),
        }
    }
}
