//! The commands of a build stage, run in its root filesystem, which they may change.
//!
//! They run as root inside: root of the host, the range of ids that an ordinary user has, or that user alone.
//! Afterwards every file belongs to root inside, which is the caller outside, and can be read, so that it can be copied
//! from: the owners that the image gets are the recipe's business, not the stage's.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::host_network::HostNetwork;
use super::{Account, Error, Ids, Network, Output, Owners, Privileges, Sandbox, Tail};

/// Lines of a failing command's output that are shown.
const TAIL_LINES: usize = 25;

/// The commands of one stage.
#[derive(Clone, Debug)]
pub struct StageCommands<'stage> {
    /// The stage's name, for messages.
    pub stage: &'stage str,
    /// Its root filesystem, unpacked, which belongs to the caller.
    pub root: &'stage Path,
    /// For `/bin/sh -euc`, one after another.
    pub commands: &'stage [String],
    /// Where they start, inside; made where it is missing.
    pub working_directory: &'stage Path,
    /// Their environment, beside PATH, HOME, SOURCE_DATE_EPOCH and what the host's network brings.
    pub environment: &'stage BTreeMap<String, String>,
    /// SOURCE_DATE_EPOCH, for compilers and packers that would write the time of day into what they make.
    pub epoch: i64,
    /// Whether they see the host's network; then also the host's CA bundle, and its proxy and index variables.
    pub network: Network,
    /// As [`Sandbox::program`].
    pub program: Option<PathBuf>,
}

impl StageCommands<'_> {
    /// Runs the commands. The first that fails ends it.
    pub fn run(&self) -> Result<(), Error> {
        for command in self.commands {
            let mut running = self.sandbox(command).spawn(Output::Merged)?;
            let tail = running.take_output().map(Tail::follow).transpose()?;
            let ending = running.wait()?;
            if !ending.is_success() {
                return Err(Error::StageFailed {
                    stage: self.stage.to_owned(),
                    command: command.clone(),
                    ending,
                    network: self.network,
                    output: tail.map(|tail| tail.finish(TAIL_LINES)).unwrap_or_default(),
                });
            }
        }
        Ok(())
    }

    fn sandbox(&self, command: &str) -> Sandbox {
        let words = ["/bin/sh", "-euc", command].map(OsString::from).to_vec();
        let mut sandbox = Sandbox::new(self.root, words);
        sandbox.program.clone_from(&self.program);
        self.working_directory.clone_into(&mut sandbox.working_directory);
        sandbox.account = Account::default();
        sandbox.ids = Ids::RangeIfPossible;
        sandbox.network = self.network;
        sandbox.read_only = false;
        sandbox.owners = Owners::Settle;
        sandbox.privileges = Privileges::Install;
        let epoch = format!("SOURCE_DATE_EPOCH={}", self.epoch);
        sandbox.set_environment(["HOME=/root".into(), "LC_ALL=C.UTF-8".into(), epoch.into()]);
        if self.network == Network::Host {
            HostNetwork::of_this_host().bring_into(&mut sandbox);
        }
        sandbox.set_environment(self.environment.iter().map(|(name, value)| format!("{name}={value}").into()));
        sandbox
    }
}
