//! What the OCI image config carries: `[config]` (image-spec config.md).

use std::collections::BTreeMap;
use std::fmt;

use toml::de::DeValue;

use super::field::{integer, wrong_type};
use super::grammar::Grammar;
use super::image_path::ImagePath;
use super::problem::Problem;
use super::section::Section;
use super::text::{not_a, text};
use crate::platform::DEFAULT_PATH;

/// The signals of Linux by number from 1 on; 16 is spelled as everywhere but on a few machines.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// The recipe's `[config]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The command, or the arguments of the entrypoint.
    pub cmd: Vec<String>,
    /// The entrypoint.
    pub entrypoint: Vec<String>,
    /// Where the command starts.
    pub workdir: ImagePath,
    /// Ports that the application listens on, each once, in the order written.
    pub expose: Vec<Port>,
    /// Environment; PATH is always there.
    pub env: BTreeMap<String, String>,
    /// Labels of the config.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// Folders that an engine should make volumes of, in the order written.
    pub volumes: Vec<ImagePath>,
    /// The signal that asks the application to stop, as `SIGTERM`; `None`: the engine's own choice.
    pub stop_signal: Option<String>,
}

/// A port; it prints as image-spec writes it: `8000/tcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// 1 to 65535.
    pub number: u16,
    /// TCP unless the recipe says otherwise.
    pub protocol: Protocol,
}

/// What is spoken on a [`Port`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        };
        write!(formatter, "{}/{protocol}", self.number)
    }
}

impl Config {
    /// Reads `[config]`.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let expose = section.values("expose", "a list of ports", port).unwrap_or_default();
        let expose = section.unlike("port", expose, ToString::to_string);
        let volumes = section.values("volumes", "a list of strings", volume).unwrap_or_default();
        let volumes = section.unlike("volume", volumes, ToString::to_string);
        Self {
            cmd: command(section, "cmd"),
            entrypoint: command(section, "entrypoint"),
            workdir: section.text("workdir", ImagePath::parse).unwrap_or_else(ImagePath::root),
            expose,
            env: environment(section),
            labels: section.map("labels", label, text),
            annotations: section.map("annotations", label, text),
            volumes,
            stop_signal: section.value("stop-signal", signal),
        }
    }
}

/// Reads `cmd` or `entrypoint`, whose first word is a program.
fn command(section: &mut Section<'_>, key: &'static str) -> Vec<String> {
    let words = section.texts(key, text).unwrap_or_default();
    if words.first().is_some_and(String::is_empty) {
        section.note(key, Problem::NoProgram { key: key.to_owned() });
    }
    words
}

/// Reads `env`, to which PATH is added where the recipe has none.
pub(super) fn environment(section: &mut Section<'_>) -> BTreeMap<String, String> {
    let mut environment = section.map("env", environment_name, expanded);
    environment.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
    environment
}

/// The value of a variable, in which `$PATH` and `${PATH}` stand for the default PATH and `\$` for a dollar, as in a
/// Dockerfile's `ENV`. Every other variable is an error: it would be taken as it is written, which nobody means.
fn expanded(value: &str) -> Result<String, Problem> {
    let mut expanded = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        if let Some(before) = before.strip_suffix('\\') {
            expanded.extend([before, "$"]);
            rest = after;
            continue;
        }
        expanded.push_str(before);
        let (variable, name, behind) = if let Some(inside) = after.strip_prefix('{') {
            let Some((name, behind)) = inside.split_once('}') else {
                return Err(Problem::Variable { variable: format!("${{{inside}") });
            };
            (format!("${{{name}}}"), name, behind)
        } else {
            let is_in_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let end = after.find(|letter| !is_in_name(letter)).unwrap_or(after.len());
            let (name, behind) = after.split_at(end);
            (format!("${name}"), name, behind)
        };
        match name {
            "PATH" => expanded.push_str(DEFAULT_PATH),
            "" if variable == "$" => expanded.push('$'),
            _ => return Err(Problem::Variable { variable }),
        }
        rest = behind;
    }
    expanded.push_str(rest);
    text(&expanded)
}

fn port(key: &str, value: &DeValue<'_>) -> Result<Port, Problem> {
    let tcp = |number: u32| u16::try_from(number).ok().map(|number| Port { number, protocol: Protocol::Tcp });
    match value {
        DeValue::String(text) => Port::parse(text),
        DeValue::Integer(digits) => {
            integer(key, value, 1..=65535).map(tcp)?.ok_or_else(|| not_a(Grammar::Port, digits.as_str()))
        }
        _ => Err(wrong_type(key, "a port", value)),
    }
}

impl Port {
    /// Reads `8000`, `53/udp`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = match protocol {
            "tcp" => Some(Protocol::Tcp),
            "udp" => Some(Protocol::Udp),
            "sctp" => Some(Protocol::Sctp),
            _ => None,
        };
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        let number = number.parse().ok().filter(|_| is_plain);
        match (number, protocol) {
            (Some(number), Some(protocol)) => Ok(Self { number, protocol }),
            _ => Err(not_a(Grammar::Port, text)),
        }
    }
}

fn volume(key: &str, value: &DeValue<'_>) -> Result<ImagePath, Problem> {
    let DeValue::String(text) = value else { return Err(wrong_type(key, "a string", value)) };
    match ImagePath::parse(text)? {
        path if path.in_tree().is_empty() => Err(Problem::Root { what: "a volume" }),
        path => Ok(path),
    }
}

fn environment_name(text: &str) -> Result<(), Problem> {
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    if begins && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')) {
        Ok(())
    } else {
        Err(not_a(Grammar::EnvironmentName, text))
    }
}

fn label(text: &str) -> Result<(), Problem> {
    if text.is_empty() || text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        Err(not_a(Grammar::Label, text))
    } else {
        Ok(())
    }
}

/// Reads `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3` and prints it as image-spec has it.
fn signal(key: &str, value: &DeValue<'_>) -> Result<String, Problem> {
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(_) => integer(key, value, 1..=64)?.to_string(),
        _ => return Err(wrong_type(key, "a string", value)),
    };
    let wrong = || not_a(Grammar::Signal, &text);
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: usize = text.parse().map_err(|_| wrong())?;
        return match number.checked_sub(1).and_then(|place| SIGNALS.get(place)) {
            Some(name) => Ok(format!("SIG{name}")),
            None if (32..=64).contains(&number) => Ok(number.to_string()),
            None => Err(wrong()),
        };
    }
    let name = text.strip_prefix("SIG").unwrap_or(&text);
    let offset = |digits: &str| digits.parse::<u8>().is_ok_and(|offset| offset <= 30);
    let real_time = match name.strip_prefix("RTM") {
        Some("IN" | "AX") => true,
        Some(rest) => rest.strip_prefix("IN+").or_else(|| rest.strip_prefix("AX-")).is_some_and(offset),
        None => false,
    };
    if real_time || SIGNALS.contains(&name) { Ok(format!("SIG{name}")) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_one_spelling() {
        let read = |text: &str| signal("stop-signal", &DeValue::String(text.into()));
        for (text, signal) in [
            ("SIGTERM", "SIGTERM"),
            ("QUIT", "SIGQUIT"),
            ("15", "SIGTERM"),
            ("34", "34"),
            ("SIGRTMIN+3", "SIGRTMIN+3"),
            ("RTMAX", "SIGRTMAX"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(signal));
        }
        for wrong in ["", "0", "65", "sigterm", "SIGNAL", "SIGRTMIN+31", "SIGRTMIN-1", "TERM "] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ports_have_a_protocol() {
        for (text, printed) in
            [("8000", "8000/tcp"), ("53/udp", "53/udp"), ("1/sctp", "1/sctp"), ("65535", "65535/tcp")]
        {
            assert_eq!(Port::parse(text).unwrap().to_string(), printed);
        }
        for wrong in ["", "0", "65536", "-1", "+80", "080", "80/", "80/TCP", "80/tcp/x", "http"] {
            assert!(Port::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn path_is_expanded_and_nothing_else() {
        let path = DEFAULT_PATH;
        for (value, read) in [
            ("/app/bin:$PATH", format!("/app/bin:{path}")),
            ("${PATH}:/app/bin", format!("{path}:/app/bin")),
            ("$PATH$PATH", format!("{path}{path}")),
            ("\\$PATH", "$PATH".to_owned()),
            ("costs 5$, or $ 6", "costs 5$, or $ 6".to_owned()),
            ("a\\b", "a\\b".to_owned()),
        ] {
            assert_eq!(expanded(value).as_ref(), Ok(&read), "{value}");
        }
        for (value, variable) in [
            ("$HOME/bin", "$HOME"),
            ("$PATHS", "$PATHS"),
            ("${PATH:-/bin}", "${PATH:-/bin}"),
            ("${PATH", "${PATH"),
            ("${}", "${}"),
            ("$1", "$1"),
        ] {
            let problem = Problem::Variable { variable: variable.to_owned() };
            assert_eq!(expanded(value), Err(problem), "{value}");
        }
    }

    #[test]
    fn variables_have_names() {
        for name in ["PATH", "_x", "npm_config_a-b", "java.home"] {
            assert_eq!(environment_name(name), Ok(()));
        }
        for wrong in ["", "A=B", "1A", "A B", "A\n", "\u{e9}"] {
            assert!(environment_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
