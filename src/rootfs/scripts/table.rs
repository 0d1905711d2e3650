//! Which commands are emulated. `docs/install-scripts.md` has the same table, with a package that needs each.

#[cfg(test)]
use super::builtins::BUILTINS;
use super::flow::Flow;
use super::shell::Shell;
use super::streams::Streams;

/// What runs a command; its status comes back.
pub(super) type Run = fn(&mut Shell<'_>, &[String], &mut Streams) -> Flow<u8>;

/// Whose command is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// busybox's.
    Busybox,
    /// busybox's and that of any other package (coreutils), which do the same.
    Anyone,
    /// It is no applet of busybox.
    Itself,
}

/// The programs.
const PROGRAMS: &[(&str, By, Run)] = &[
    ("add-shell", By::Busybox, |shell, arguments, _| shell.add_shells(arguments)),
    ("addgroup", By::Busybox, |shell, arguments, _| shell.add_group(arguments)),
    ("adduser", By::Busybox, |shell, arguments, _| shell.add_user(arguments)),
    ("awk", By::Anyone, |shell, arguments, streams| shell.awk(arguments, streams)),
    ("basename", By::Anyone, |shell, arguments, streams| shell.basename(arguments, streams)),
    ("cat", By::Anyone, |shell, arguments, streams| shell.cat(arguments, streams)),
    ("chgrp", By::Anyone, |shell, arguments, _| shell.chown(arguments, true)),
    ("chmod", By::Anyone, |shell, arguments, _| shell.chmod(arguments)),
    ("chown", By::Anyone, |shell, arguments, _| shell.chown(arguments, false)),
    ("cp", By::Anyone, |shell, arguments, _| shell.cp(arguments)),
    ("cut", By::Anyone, |shell, arguments, streams| shell.cut(arguments, streams)),
    ("dirname", By::Anyone, |shell, arguments, streams| shell.dirname(arguments, streams)),
    ("echo", By::Anyone, |shell, arguments, streams| shell.echo(arguments, streams)),
    ("expr", By::Anyone, |shell, arguments, streams| shell.expr(arguments, streams)),
    ("find", By::Anyone, |shell, arguments, streams| shell.find(arguments, streams)),
    ("getent", By::Anyone, |shell, arguments, streams| shell.getent(arguments, streams)),
    ("grep", By::Anyone, |shell, arguments, streams| shell.grep(arguments, streams)),
    ("head", By::Anyone, |shell, arguments, streams| shell.head(arguments, streams)),
    ("hostname", By::Anyone, |shell, arguments, streams| shell.hostname(arguments, streams)),
    ("id", By::Anyone, |shell, arguments, streams| shell.id(arguments, streams)),
    ("install", By::Anyone, |shell, arguments, _| shell.install(arguments)),
    ("ln", By::Anyone, |shell, arguments, _| shell.ln(arguments)),
    ("ls", By::Anyone, |shell, arguments, streams| shell.ls(arguments, streams)),
    ("mkdir", By::Anyone, |shell, arguments, _| shell.mkdir(arguments)),
    ("modprobe", By::Anyone, |shell, _, _| Ok(shell.elsewhere("modprobe"))),
    ("mv", By::Anyone, |shell, arguments, _| shell.mv(arguments)),
    ("passwd", By::Busybox, |shell, arguments, _| shell.change_password(arguments)),
    ("printf", By::Anyone, |shell, arguments, streams| shell.printf(arguments, streams)),
    ("readlink", By::Anyone, |shell, arguments, streams| shell.readlink(arguments, streams)),
    ("rm", By::Anyone, |shell, arguments, streams| shell.rm(arguments, streams)),
    ("rmdir", By::Anyone, |shell, arguments, _| shell.rmdir(arguments)),
    ("sed", By::Anyone, |shell, arguments, streams| shell.sed(arguments, streams)),
    ("seq", By::Anyone, |shell, arguments, streams| shell.seq(arguments, streams)),
    ("sort", By::Anyone, |shell, arguments, streams| shell.sort(arguments, streams)),
    ("su", By::Anyone, |shell, arguments, streams| shell.su(arguments, streams)),
    ("sync", By::Anyone, |_, _, _| Ok(0)),
    ("tail", By::Anyone, |shell, arguments, streams| shell.tail(arguments, streams)),
    ("touch", By::Anyone, |shell, arguments, _| shell.touch(arguments)),
    ("udevadm", By::Itself, |shell, arguments, streams| shell.udevadm(arguments, streams)),
    ("uname", By::Anyone, |shell, arguments, streams| shell.uname(arguments, streams)),
    ("uniq", By::Anyone, |shell, arguments, streams| shell.uniq(arguments, streams)),
    ("unlink", By::Anyone, |shell, arguments, _| shell.unlink(arguments)),
    ("update-ca-certificates", By::Itself, |shell, arguments, _| shell.update_certificates(arguments)),
    ("wc", By::Anyone, |shell, arguments, streams| shell.wc(arguments, streams)),
    ("which", By::Anyone, |shell, arguments, streams| shell.which(arguments, streams)),
];

/// What runs `name` among `commands`.
pub(super) fn find(commands: &[(&str, Run)], name: &str) -> Option<Run> {
    commands.iter().find(|(known, _)| *known == name).map(|(_, run)| *run)
}

/// What runs the program `name`, and whose it must be.
pub(super) fn program(name: &str) -> Option<(By, Run)> {
    PROGRAMS.iter().find(|(known, ..)| *known == name).map(|(_, by, run)| (*by, *run))
}

/// Whether `name`, where it ends with `status`, says nothing about it.
pub(super) fn fails_silently(name: &str, status: u8) -> bool {
    matches!((name, status), ("grep" | "test" | "[" | "false" | "expr", 1) | ("which" | "getent" | "readlink", _))
}

/// The names of all commands that are emulated, in order.
#[cfg(test)]
pub(super) fn emulated_commands() -> Vec<&'static str> {
    let own = BUILTINS.iter().map(|(name, _)| *name);
    let mut names: Vec<&str> = own.chain(PROGRAMS.iter().map(|(name, ..)| *name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}
