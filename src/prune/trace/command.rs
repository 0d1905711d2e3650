//! What a command starts: a program, and for Python and Node the code that their arguments name.

use super::super::inventory::{EntryId, file_name, join};
use super::super::node::Dialect;
use super::engine::{Engine, shell_words};
use super::facts::Language;
use super::graph::{How, Source};

impl Engine<'_> {
    /// Follows the image's command.
    pub(crate) fn command(&mut self) {
        let words = self.policy.command.clone();
        if words.is_empty() {
            return;
        }
        let root = self.root(format!("what the command `{}` starts", words.join(" ")));
        self.command_words(root, &words, 0);
        // Programs name code in the environment: DJANGO_SETTINGS_MODULE, FLASK_APP, NODE_OPTIONS.
        for (name, value) in self.policy.env.clone() {
            if matches!(name.as_str(), "PATH" | "PYTHONPATH" | "LD_LIBRARY_PATH" | "NODE_PATH") {
                continue;
            }
            let root = self.root(format!("named by the environment variable {name}"));
            if name == "NODE_OPTIONS" {
                self.node_arguments(root, &shell_words(&value), 0);
            } else {
                self.python_text(root, None, &value, 0);
            }
        }
    }

    /// Follows the programs that `words` name, and the code that their arguments name.
    pub(crate) fn command_words(&mut self, from: Source, words: &[String], line: u32) {
        for (index, word) in words.iter().enumerate() {
            let Some(program) = self.program(word) else { continue };
            let is_first = index == 0 && matches!(from, Source::Root(_));
            let how = if is_first { How::Asked } else { How::Text(word.as_str().into()) };
            self.reach(from, program, how, line, is_first);
            let rest = words.get(index + 1..).unwrap_or_default();
            self.arguments(from, program, word, rest, line);
            if matches!(file_name(word), "sh" | "ash" | "bash") && rest.first().is_some_and(|flag| flag.ends_with('c'))
            {
                for script in rest.iter().skip(1) {
                    self.command_words(from, &shell_words(script), line);
                }
                return;
            }
        }
    }

    fn arguments(&mut self, from: Source, program: EntryId, word: &str, rest: &[String], line: u32) {
        let path = self.inventory.entry(program).path.clone();
        let names = [file_name(word), file_name(&path)];
        if names.iter().any(|name| name.starts_with("python")) {
            self.python_environment(word);
            self.python_arguments(from, rest, line);
        } else if names.iter().any(|name| *name == "node" || *name == "nodejs") {
            self.node_arguments(from, rest, line);
        } else if self.is_python_script(program) {
            self.python_script(program);
            self.python_environment(word);
            self.python_words(from, rest, line);
        }
    }

    fn is_python_script(&self, id: EntryId) -> bool {
        self.inventory
            .content(id)
            .is_some_and(|content| content.starts_with(b"#!") && super::engine::first_line(content).contains("python"))
    }

    fn python_arguments(&mut self, from: Source, words: &[String], line: u32) {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-m" => {
                    if let Some(module) = words.next() {
                        self.python_run_module(from, module, line);
                    }
                    break;
                }
                "-c" => {
                    if let Some(code) = words.next() {
                        self.python_run_text(from, code, line);
                    }
                    break;
                }
                "-X" | "-W" | "--check-hash-based-pycs" => {
                    words.next();
                }
                flag if flag.starts_with('-') && flag.len() > 1 => {}
                script => {
                    let path = join(&join("", &self.policy.workdir), script);
                    let main = self.inventory.file_at(&path);
                    let main = main.or_else(|| self.inventory.file_at(&format!("{path}/__main__.py")));
                    if let Some(main) = main {
                        self.reach(from, main, How::Asked, line, true);
                        self.python_script(main);
                    }
                    break;
                }
            }
        }
        let rest: Vec<String> = words.cloned().collect();
        self.python_words(from, &rest, line);
    }

    /// Arguments that name modules (`app:app`) or files.
    fn python_words(&mut self, from: Source, words: &[String], line: u32) {
        for word in words {
            let word = word.rsplit_once('=').map_or(word.as_str(), |(_, value)| value);
            let path = join(&join("", &self.policy.workdir), word);
            if let Some(id) = self.inventory.file_at(&path) {
                self.reach(from, id, How::Text(word.into()), line, true);
            }
            self.python_text(from, None, word, line);
        }
    }

    pub(crate) fn node_arguments(&mut self, from: Source, words: &[String], line: u32) {
        let workdir = join("", &self.policy.workdir);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (flag, value) = word.split_once('=').unwrap_or((word, ""));
            match flag {
                "-r" | "--require" | "--import" | "--loader" | "--experimental-loader" => {
                    let value = if value.is_empty() { words.next().map_or("", String::as_str) } else { value };
                    self.node_request_from(from, &workdir, value, flag != "-r" && flag != "--require", line);
                }
                "-e" | "--eval" | "-p" | "--print" => {
                    if let Some(code) = words.next() {
                        let facts = super::super::node::parse(code.as_bytes(), Dialect::JavaScript);
                        for request in &facts.requests {
                            self.node_request_from(from, &workdir, &request.specifier, false, line);
                        }
                    }
                    break;
                }
                _ if flag.starts_with('-') => {}
                script => {
                    let path = join(&workdir, script);
                    if let Some(main) = self.node.find_path(self.inventory, &path) {
                        if Dialect::of(file_name(&path)).is_none() {
                            self.read_as(main, Language::Node { dialect: Dialect::JavaScript });
                        }
                        self.reach(from, main, How::Asked, line, true);
                    }
                    break;
                }
            }
        }
    }
}
