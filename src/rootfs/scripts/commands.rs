//! Simple commands: assignments, functions, the shell's own commands, and programs of the image.
//!
//! A program is looked up in the image as the shell would; one that is not there fails with 127, exactly as it would in
//! a chroot, and scripts rely on that. Of those that are there, busybox's applets are known, and the file commands also
//! where another package (coreutils) brings them.

use brush_parser::ast::{
    Assignment, AssignmentName, AssignmentValue, CommandPrefixOrSuffixItem as Item, SimpleCommand,
};

use super::super::InodeKind;
use super::access::join;
use super::shell::{Flow, Shell, Stop, Streams, Variable, give_up, unknown};

/// Exit status of a command that does not exist.
const NOT_FOUND: u8 = 127;
/// Exit status of a file that cannot be run.
const NOT_EXECUTABLE: u8 = 126;

/// Bytes that the commands before one may have written.
const MOST_OUTPUT: usize = 16 << 20;

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
        let status_before = std::mem::take(&mut self.status);
        if words.is_empty() {
            for assignment in assignments {
                self.run_assignment(assignment)?;
            }
            return self.redirected(&redirects, streams, |_, _| Ok(()));
        }
        self.status = status_before;
        let words = self.expand_words(words)?;
        let Some((name, arguments)) = words.split_first() else {
            self.status = 0;
            return self.redirected(&redirects, streams, |_, _| Ok(()));
        };
        let mut before = Vec::new();
        for assignment in assignments {
            let AssignmentName::VariableName(name) = &assignment.name else { return unknown("it uses an array") };
            before.push((name.clone(), self.state.variables.get(name).cloned()));
            self.run_assignment(assignment)?;
        }
        self.status = status_before;
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
        if streams.output.len() > MOST_OUTPUT {
            return give_up("what it writes grows without end");
        }
        if let Some(result) = self.call_function(name, arguments, streams) {
            return result;
        }
        if let Some(result) = self.run_builtin(name, arguments, streams) {
            self.status = result?;
            return Ok(());
        }
        self.status = match self.find_program(name)? {
            Err(status) => status,
            Ok(Program::Other { real }) => self.run_other(name, &real, arguments, streams)?,
            Ok(Program::Busybox { file }) => {
                let called = name.rsplit('/').next().unwrap_or(name);
                if called == file {
                    self.run_busybox(&file, arguments, streams)?
                } else {
                    self.run_applet(called, arguments, streams)?
                }
            }
        };
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
        let result = self.run_account_command(applet, arguments).or_else(|| self.run_shells_command(applet, arguments));
        if let Some(result) = result {
            return result;
        }
        match self.run_common(applet, arguments, streams) {
            Some(result) => result,
            None => unknown(format!("the command `{applet}`")),
        }
    }

    fn run_other(&mut self, name: &str, real: &str, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let called = name.rsplit('/').next().unwrap_or(name);
        if called == "update-ca-certificates" {
            return self.update_certificates(arguments);
        }
        match self.run_common(called, arguments, streams) {
            Some(result) => result,
            None => unknown(format!("it runs `/{real}`")),
        }
    }

    /// Commands that do the same whoever brings them.
    fn run_common(&mut self, name: &str, arguments: &[String], streams: &mut Streams) -> Option<Flow<u8>> {
        self.run_file_command(name, arguments)
            .or_else(|| self.run_permission_command(name, arguments))
            .or_else(|| self.run_text_command(name, arguments, streams))
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
        Ok(self.search(name)?.and_then(|written| self.tree.resolve(&written)))
    }

    /// The path, as `command -v` prints it, of a program in `PATH`.
    pub(super) fn search(&self, name: &str) -> Flow<Option<String>> {
        let path = match self.state.variables.get("PATH") {
            Some(Variable::Known(path)) => path,
            Some(Variable::Unknown) => return unknown("`$PATH` comes from what was not run"),
            None => return Ok(None),
        };
        for folder in path.split(':') {
            let written = format!("{folder}/{name}");
            let Some(real) = self.tree.resolve(&self.place(&written)) else { continue };
            let runs = |real: &str| {
                self.at(real).is_some_and(|inode| {
                    matches!(inode.kind, InodeKind::File { .. }) && inode.metadata.mode & 0o111 != 0
                })
            };
            if runs(&real) {
                return Ok(Some(written));
            }
        }
        Ok(None)
    }

    /// Makes a link for every applet of its list that has a folder and no file yet, as `busybox --install -s` does.
    fn install_applets(&mut self, file: &str) -> Flow<u8> {
        let list = format!("/etc/busybox-paths.d/{file}");
        let Some(paths) = self.read_file(&list)? else {
            return unknown(format!("the list of applets `{list}` is missing"));
        };
        let Some(program) = self.search(file)?.and_then(|written| self.tree.resolve(&written)) else {
            return unknown(format!("`{file}` is in no folder of programs"));
        };
        for path in String::from_utf8_lossy(&paths).lines().filter(|path| !path.is_empty()) {
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

/// Ends the script, the function or the loop.
pub(super) fn stop(stop: Stop) -> Flow<u8> {
    Err(stop)
}
