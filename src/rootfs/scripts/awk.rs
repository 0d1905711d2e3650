//! `awk` for the one thing that scripts use it for: printing fields of lines that a condition selects.
//!
//! `[CONDITION] { print [VALUE[, VALUE]…] }`, or `{ if (CONDITION) print … }`; a condition is `/RE/`, `VALUE ~ /RE/`,
//! `VALUE == VALUE`, `VALUE != VALUE` or several joined by `&&`; a value is made of `$N`, `$NF`, `NR`, `NF` and texts.

use super::access::text_of;
use super::options::Options;
use super::regex::{Regex, Syntax};
use super::shell::{Flow, Shell, unknown};
use super::streams::Streams;

enum Value {
    /// `$N`; 0 is the line.
    Field(usize),
    LastField,
    LineNumber,
    FieldCount,
    Text(String),
    Number(String),
}

enum Condition {
    Matches(Vec<Value>, Regex),
    Equals(Vec<Value>, Vec<Value>, bool),
}

struct Rule {
    conditions: Vec<Condition>,
    /// What is printed, with a blank between each.
    printed: Vec<Vec<Value>>,
}

/// How a line is cut into fields.
enum Separator {
    Blanks,
    Letter(char),
    Pattern(Regex),
}

impl Shell<'_> {
    pub(super) fn awk(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(options) = Options::parse(arguments, "", "F") else { return unknown("an option of `awk`") };
        let Some((program, paths)) = options.operands.split_first() else { return Ok(1) };
        self.spend_work(program.len())?;
        let separator = match options.value('F') {
            None | Some(" ") => Separator::Blanks,
            Some("t" | "\\t") => Separator::Letter('\t'),
            Some(text) => match (text.chars().next(), text.chars().count()) {
                (Some(letter), 1) if letter != '\\' => Separator::Letter(letter),
                _ => match Regex::new(text, Syntax::Extended, false) {
                    Ok(regex) => Separator::Pattern(regex),
                    Err(reason) => return unknown(format!("the separator of `awk`: {reason}")),
                },
            },
        };
        let mut parser = Parser { letters: program.chars().collect(), at: 0 };
        let Some(rules) = parser.rules() else { return unknown(format!("the program of `awk`: `{program}`")) };
        let mut bytes = Vec::new();
        if paths.is_empty() {
            bytes = streams.input.rest()?;
        }
        for path in paths {
            let Some(more) = self.read_file(path)? else { return Ok(1) };
            if !bytes.is_empty() && !bytes.ends_with(b"\n") {
                bytes.push(b'\n');
            }
            bytes.extend_from_slice(&more);
        }
        for (number, line) in text_of(bytes)?.lines().enumerate() {
            let fields = self.fields(line, &separator)?;
            for rule in &rules {
                if !self.all_hold(&rule.conditions, line, &fields, number + 1)? {
                    continue;
                }
                let text = |value: &Vec<Value>| text(value, line, &fields, number + 1);
                let printed: Vec<String> = rule.printed.iter().map(text).collect();
                self.print_line(streams, &printed.join(" "))?;
            }
        }
        Ok(0)
    }

    fn fields(&self, line: &str, separator: &Separator) -> Flow<Vec<String>> {
        self.spend_work(line.len())?;
        if line.is_empty() {
            return Ok(Vec::new());
        }
        let regex = match separator {
            Separator::Blanks => {
                let fields = line.split([' ', '\t']).filter(|field| !field.is_empty());
                return Ok(fields.map(str::to_owned).collect());
            }
            Separator::Letter(letter) => return Ok(line.split(*letter).map(str::to_owned).collect()),
            Separator::Pattern(regex) => regex,
        };
        let letters: Vec<char> = line.chars().collect();
        let (mut fields, mut start, mut from) = (Vec::new(), 0, 0);
        loop {
            let mut work = 0;
            let found = regex.find(&letters, from, &mut work);
            self.spend_work(work)?;
            let Some(&[Some(begin), Some(end), ..]) = found.as_deref() else { break };
            if end == begin {
                from = end + 1;
                if from > letters.len() {
                    break;
                }
                continue;
            }
            fields.push(letters.get(start..begin).into_iter().flatten().collect());
            (start, from) = (end, end);
        }
        fields.push(letters.get(start..).into_iter().flatten().collect());
        Ok(fields)
    }

    fn all_hold(&self, conditions: &[Condition], line: &str, fields: &[String], number: usize) -> Flow<bool> {
        for condition in conditions {
            let holds = match condition {
                Condition::Matches(value, regex) => {
                    let letters: Vec<char> = text(value, line, fields, number).chars().collect();
                    let mut work = 0;
                    let found = regex.find(&letters, 0, &mut work).is_some();
                    self.spend_work(work)?;
                    found
                }
                Condition::Equals(left, right, wanted) => {
                    let is_text = |value: &[Value]| matches!(value, [Value::Text(_)]) || value.len() > 1;
                    let (left_text, right_text) = (text(left, line, fields, number), text(right, line, fields, number));
                    let numbers = left_text.trim().parse::<f64>().ok().zip(right_text.trim().parse::<f64>().ok());
                    // Two that look like numbers are compared as such, unless one is written as a text.
                    let equal = match numbers.filter(|_| !is_text(left) && !is_text(right)) {
                        Some((left, right)) => left.total_cmp(&right).is_eq(),
                        None => left_text == right_text,
                    };
                    equal == *wanted
                }
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn text(value: &[Value], line: &str, fields: &[String], number: usize) -> String {
    let one = |value: &Value| match value {
        Value::Field(0) => line.to_owned(),
        Value::Field(field) => fields.get(field - 1).cloned().unwrap_or_default(),
        Value::LastField => fields.last().map_or(line, String::as_str).to_owned(),
        Value::LineNumber => number.to_string(),
        Value::FieldCount => fields.len().to_string(),
        Value::Text(text) | Value::Number(text) => text.clone(),
    };
    value.iter().map(one).collect()
}

/// Reads a program; `None` where it does something else.
struct Parser {
    letters: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn skip(&mut self, skipped: &[char]) {
        while self.peek().is_some_and(|letter| skipped.contains(&letter)) {
            self.at += 1;
        }
    }

    /// Takes `text` if it comes next, white space before it skipped.
    fn takes(&mut self, text: &str) -> bool {
        self.skip(&[' ', '\t']);
        let is_there =
            text.chars().enumerate().all(|(number, letter)| self.letters.get(self.at + number) == Some(&letter));
        if is_there {
            self.at += text.chars().count();
        }
        is_there
    }

    fn rules(&mut self) -> Option<Vec<Rule>> {
        let mut rules = Vec::new();
        loop {
            self.skip(&[' ', '\t', '\n', ';']);
            if self.peek().is_none() {
                return Some(rules);
            }
            let mut conditions = if self.peek() == Some('{') { Vec::new() } else { self.conditions()? };
            let mut printed = vec![vec![Value::Field(0)]];
            if self.takes("{") {
                self.skip(&[' ', '\t', '\n', ';']);
                if self.takes("if") {
                    if !self.takes("(") {
                        return None;
                    }
                    conditions.extend(self.conditions()?);
                    if !self.takes(")") {
                        return None;
                    }
                }
                if !self.takes("print") || self.peek().is_some_and(char::is_alphanumeric) {
                    return None;
                }
                printed = self.values()?;
                self.skip(&[' ', '\t', '\n', ';']);
                if !self.takes("}") {
                    return None;
                }
            } else if !matches!(self.peek(), None | Some('\n' | ';')) {
                return None;
            }
            rules.push(Rule { conditions, printed });
        }
    }

    fn conditions(&mut self) -> Option<Vec<Condition>> {
        let mut conditions = vec![self.condition()?];
        while self.takes("&&") {
            conditions.push(self.condition()?);
        }
        Some(conditions)
    }

    fn condition(&mut self) -> Option<Condition> {
        if self.takes("/") {
            return Some(Condition::Matches(vec![Value::Field(0)], self.regex()?));
        }
        let left = self.value()?;
        if left.is_empty() {
            return None;
        }
        if self.takes("==") {
            return Some(Condition::Equals(left, self.value().filter(|right| !right.is_empty())?, true));
        }
        if self.takes("!=") {
            return Some(Condition::Equals(left, self.value().filter(|right| !right.is_empty())?, false));
        }
        if self.takes("~") && self.takes("/") {
            return Some(Condition::Matches(left, self.regex()?));
        }
        None
    }

    /// The pattern after its `/`.
    fn regex(&mut self) -> Option<Regex> {
        let mut pattern = String::new();
        loop {
            let letter = self.peek()?;
            self.at += 1;
            match letter {
                '/' => return Regex::new(&pattern, Syntax::Extended, false).ok(),
                '\\' if self.peek() == Some('/') => {
                    self.at += 1;
                    pattern.push('/');
                }
                '\\' => {
                    pattern.push('\\');
                    pattern.push(self.peek()?);
                    self.at += 1;
                }
                letter => pattern.push(letter),
            }
        }
    }

    fn values(&mut self) -> Option<Vec<Vec<Value>>> {
        let first = self.value()?;
        if first.is_empty() {
            return Some(vec![vec![Value::Field(0)]]);
        }
        let mut values = vec![first];
        while self.takes(",") {
            values.push(self.value().filter(|value| !value.is_empty())?);
        }
        Some(values)
    }

    /// What stands side by side is one text.
    fn value(&mut self) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        loop {
            self.skip(&[' ', '\t']);
            match self.peek() {
                Some('$') => {
                    self.at += 1;
                    if self.takes("NF") {
                        values.push(Value::LastField);
                    } else {
                        values.push(Value::Field(self.digits()?.parse().ok()?));
                    }
                }
                Some('0'..='9') => values.push(Value::Number(self.digits()?)),
                Some('"') => {
                    self.at += 1;
                    let start = self.at;
                    while self.peek()? != '"' {
                        self.at += if self.peek() == Some('\\') { 2 } else { 1 };
                    }
                    let text: String = self.letters.get(start..self.at)?.iter().collect();
                    self.at += 1;
                    let unescaped =
                        super::printf::unescape(&text.replace("\\\"", "\""), super::printf::Escapes::Format);
                    values.push(Value::Text(String::from_utf8(unescaped.bytes).ok()?));
                }
                Some('N') if self.takes("NR") => values.push(Value::LineNumber),
                Some('N') if self.takes("NF") => values.push(Value::FieldCount),
                Some(letter) if letter.is_alphabetic() => return None,
                _ => return Some(values),
            }
        }
    }

    fn digits(&mut self) -> Option<String> {
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            self.at += 1;
        }
        let digits: String = self.letters.get(start..self.at)?.iter().collect();
        (!digits.is_empty()).then_some(digits)
    }
}
