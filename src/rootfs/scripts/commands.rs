//! Simple commands: assignments, functions, the shell's own commands, and programs of the image.
//!
//! A program is looked up in the image as the shell would; one that is not there fails with 127, exactly as it would in
//! a chroot, and scripts rely on that. Of those that are there, busybox's applets are known, and the file commands also
//! where another package (coreutils) brings them.

use brush_parser::ast::{
    Assignment, AssignmentName, AssignmentValue, CommandPrefixOrSuffixItem as Item, SimpleCommand,
};

use super::super::error::Error;
use super::super::tree::InodeKind;
use super::access::join;
use super::applets::applet_paths;
use super::flow::{Flow, give_up, unknown};
use super::shell::{Shell, Variable};
use super::streams::Streams;
use super::table::{self, By};

/// Exit status of a command that does not exist.
const NOT_FOUND: u8 = 127;
/// Exit status of a file that cannot be run.
const NOT_EXECUTABLE: u8 = 126;

/// A program of the image.
enum Program {
    /// busybox, by the name of its file, and what follows in the call.
    Busybox { file: String },
    /// Anything else, by its real path.
    Other { real: String },
}

impl Shell<'_> {
    pub(super) fn run_simple(&mut self, command: &SimpleCommand, streams: &mut Streams) -> Flow<()> {
        let prefix = command.prefix.as_ref().map_or(&[][..], |prefix| prefix.0.as_slice());
        let suffix = command.suffix.as_ref().map_or(&[][..], |suffix| suffix.0.as_slice());
        let mut assignments = Vec::new();
        let mut redirects = Vec::new();
        let mut words = Vec::new();
        for item in prefix {
            match item {
                Item::AssignmentWord(assignment, _) => assignments.push(assignment),
                Item::IoRedirect(redirect) => redirects.push(redirect.clone()),
                Item::Word(word) => words.push(word),
                Item::ProcessSubstitution(..) => return unknown("its process substitution is not POSIX shell"),
            }
        }
        words.extend(&command.word_or_name);
        for item in suffix {
            match item {
                Item::AssignmentWord(_, word) | Item::Word(word) => words.push(word),
                Item::IoRedirect(redirect) => redirects.push(redirect.clone()),
                Item::ProcessSubstitution(..) => return unknown("its process substitution is not POSIX shell"),
            }
        }
        self.substituted = None;
        let words = self.expand_words(words)?;
        let Some((name, arguments)) = words.split_first() else {
            for assignment in assignments {
                self.run_assignment(assignment)?;
            }
            // Without a command the status is that of the last substitution.
            self.status = self.substituted.unwrap_or(0);
            self.unknown_status = None;
            return self.redirected(&redirects, streams, |_, _| Ok(()));
        };
        if name == "exec" && arguments.is_empty() && !redirects.is_empty() {
            return unknown("it redirects what comes after");
        }
        let mut before = Vec::new();
        for assignment in assignments {
            let AssignmentName::VariableName(name) = &assignment.name else { return unknown("it uses an array") };
            before.push((name.clone(), self.state.variables.get(name).cloned()));
            self.run_assignment(assignment)?;
        }
        let result = self.redirected(&redirects, streams, |shell, streams| shell.run_words(name, arguments, streams));
        for (name, value) in before {
            match value {
                Some(value) => self.state.variables.insert(name, value),
                None => self.state.variables.remove(&name),
            };
        }
        result
    }

    fn run_assignment(&mut self, assignment: &Assignment) -> Flow<()> {
        let (AssignmentName::VariableName(name), AssignmentValue::Scalar(word), false) =
            (&assignment.name, &assignment.value, assignment.append)
        else {
            return unknown("its assignment is not POSIX shell");
        };
        match self.expand_text(word) {
            Ok(value) => {
                self.assign(name, value);
                Ok(())
            }
            Err(stop) => {
                self.state.variables.insert(name.clone(), Variable::Unknown);
                Err(stop)
            }
        }
    }

    /// Runs a command of which all words are known.
    pub(super) fn run_words(&mut self, name: &str, arguments: &[String], streams: &mut Streams) -> Flow<()> {
        match self.call_function(name, arguments, streams) {
            Some(result) => result,
            None => self.run_program_or_builtin(name, arguments, streams),
        }
    }

    /// The same, functions passed by.
    pub(super) fn run_program_or_builtin(
        &mut self,
        name: &str,
        arguments: &[String],
        streams: &mut Streams,
    ) -> Flow<()> {
        // How a script ends may depend on the status so far.
        if !matches!(name, "exit" | "return") {
            self.unknown_status = None;
        }
        if let Some(result) = self.run_builtin(name, arguments, streams) {
            self.status = result?;
            return if self.status == 2 { Self::complain(streams) } else { Ok(()) };
        }
        self.run_program_named(name, arguments, streams)
    }

    /// The same of programs only.
    pub(super) fn run_program_named(&mut self, name: &str, arguments: &[String], streams: &mut Streams) -> Flow<()> {
        let called = name.rsplit('/').next().unwrap_or(name);
        self.status = match self.find_program(name)? {
            Err(status) => status,
            Ok(Program::Other { real }) => self.run_other(called, &real, arguments, streams)?,
            Ok(Program::Busybox { file }) if called == file => self.run_busybox(&file, arguments, streams)?,
            Ok(Program::Busybox { .. }) => self.run_applet(called, arguments, streams)?,
        };
        if self.status != 0 && !table::fails_silently(called, self.status) {
            Self::complain(streams)?;
        }
        Ok(())
    }

    /// `busybox APPLET …` and `busybox --install -s`.
    fn run_busybox(&mut self, file: &str, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        match arguments.split_first() {
            Some((option, rest)) if option == "--install" => {
                if rest == ["-s"] {
                    self.install_applets(file)
                } else {
                    unknown("applets other than as links")
                }
            }
            Some((applet, _)) if applet.starts_with('-') => unknown(format!("`{file} {applet}`")),
            Some((applet, rest)) => match self.run_builtin(applet, rest, streams) {
                Some(result) if matches!(applet.as_str(), "echo" | "printf" | "test" | "[" | "true" | "false") => {
                    result
                }
                _ => self.run_applet(applet, rest, streams),
            },
            None => Ok(0),
        }
    }

    fn run_applet(&mut self, applet: &str, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        match table::program(applet) {
            Some((_, run)) => {
                self.see_that_it_may(applet)?;
                run(self, arguments, streams)
            }
            None => unknown(format!("the command `{applet}`")),
        }
    }

    fn run_other(&mut self, called: &str, real: &str, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        match table::program(called) {
            Some((By::Anyone | By::Itself, run)) => {
                self.see_that_it_may(called)?;
                run(self, arguments, streams)
            }
            Some((By::Busybox, _)) | None => unknown(format!("it runs `/{real}`")),
        }
    }

    /// The program that `name` is, or the status of not finding it.
    fn find_program(&self, name: &str) -> Flow<Result<Program, u8>> {
        let Some(real) = self.program_path(name)? else { return Ok(Err(NOT_FOUND)) };
        let runs = self
            .at(&real)
            .is_some_and(|inode| matches!(inode.kind, InodeKind::File { .. }) && inode.metadata.mode & 0o111 != 0);
        if !runs {
            return Ok(Err(NOT_EXECUTABLE));
        }
        let file = real.rsplit('/').next().unwrap_or(&real).to_owned();
        let is_busybox = matches!(file.as_str(), "busybox" | "busybox-extras" | "busybox.static");
        Ok(Ok(if is_busybox { Program::Busybox { file } } else { Program::Other { real } }))
    }

    /// The real path of the program `name`.
    fn program_path(&self, name: &str) -> Flow<Option<String>> {
        if name.contains('/') {
            return self.existing(name);
        }
        match self.search(name)? {
            Some(written) => self.existing(&written),
            None => Ok(None),
        }
    }

    /// The path, as `command -v` prints it, of a program in `PATH`.
    pub(super) fn search(&self, name: &str) -> Flow<Option<String>> {
        self.search_with(name, 0o111)
    }

    /// The path of a file in `PATH` that need not be a program.
    pub(super) fn search_file(&self, name: &str) -> Flow<Option<String>> {
        self.search_with(name, 0o777)
    }

    fn search_with(&self, name: &str, mode: u32) -> Flow<Option<String>> {
        let path = match self.state.variables.get("PATH") {
            Some(Variable::Known(path)) => path,
            Some(Variable::Unknown) => return unknown("`$PATH` comes from what was not run"),
            None => return Ok(None),
        };
        for folder in path.split(':') {
            let written = format!("{folder}/{name}");
            let Some(real) = self.existing(&written)? else { continue };
            let fits = |inode: &super::super::tree::Inode| {
                matches!(inode.kind, InodeKind::File { .. }) && inode.metadata.mode & mode != 0
            };
            if self.at(&real).is_some_and(fits) {
                return Ok(Some(written));
            }
        }
        Ok(None)
    }

    /// Makes a link for every applet that has a folder and no file yet, as `busybox --install -s` does. Without Alpine's
    /// list of them, which came with v3.18, the program itself tells. An image of which nobody knows the commands would
    /// be of no use, so there is no going on without.
    fn install_applets(&mut self, file: &str) -> Flow<u8> {
        let Some(program) = self.search(file)?.and_then(|written| self.tree.resolve(&written)) else {
            return unknown(format!("`{file}` is in no folder of programs"));
        };
        let paths = if let Some(list) = self.read_file(&format!("/etc/busybox-paths.d/{file}"))? {
            String::from_utf8_lossy(&list).lines().map(str::to_owned).collect()
        } else {
            let bytes = self.read_file(&format!("/{program}"))?.unwrap_or_default();
            match applet_paths(&bytes) {
                Ok(paths) => paths,
                Err(reason) => {
                    let package = self.call.package_name.to_owned();
                    self.failure = Some(Error::Applets { package, path: format!("/{program}"), reason });
                    return give_up(reason);
                }
            }
        };
        for path in paths.iter().filter(|path| !path.is_empty()) {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let Some(folder) = self.tree.resolve(folder).filter(|folder| self.is_folder_at(folder)) else { continue };
            let place = join(&folder, name);
            if self.at(&place).is_none() {
                self.put(&place, InodeKind::Symlink(format!("/{program}")), 0o777);
            }
        }
        Ok(0)
    }
}
