//! `awk` for the one thing that scripts use it for: printing fields of lines that a condition selects.
//!
//! `[CONDITION] { print [VALUE[, VALUE]…] }`, or `{ if (CONDITION) print … }`; a condition is `/RE/`, `VALUE ~ /RE/`,
//! `VALUE == VALUE`, `VALUE != VALUE` or several joined by `&&`; a value is made of `$N`, `$NF`, `NR`, `NF` and texts.

use super::access::text_of;
use super::cursor::Cursor;
use super::flow::{Flow, unknown};
use super::options::Options;
use super::regex::{Regex, Syntax};
use super::shell::Shell;
use super::streams::{Streams, see_that_output_ends};

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
        let mut parser = Parser { cursor: Cursor::new(program) };
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
        for (number, line) in text_of(bytes)?.split_terminator('\n').enumerate() {
            let fields = self.fields(line, &separator)?;
            for rule in &rules {
                if !self.all_hold(&rule.conditions, line, &fields, number + 1)? {
                    continue;
                }
                let mut printed = String::new();
                for (place, value) in rule.printed.iter().enumerate() {
                    printed.push_str(if place == 0 { "" } else { " " });
                    append(&mut printed, value, line, &fields, number + 1)?;
                }
                self.print_line(streams, &printed)?;
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
            // busybox 1.36 takes it for a blank, and 1.37 does not.
            Separator::Blanks if line.contains('\r') => return unknown("`awk` of a line with a carriage return"),
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
            let found = self.find_match(regex, &letters, from)?;
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
                    let letters: Vec<char> = text(value, line, fields, number)?.chars().collect();
                    self.find_match(regex, &letters, 0)?.is_some()
                }
                Condition::Equals(left, right, wanted) => {
                    let is_text = |value: &[Value]| matches!(value, [Value::Text(_)]) || value.len() > 1;
                    let (left_text, right_text) =
                        (text(left, line, fields, number)?, text(right, line, fields, number)?);
                    let numbers = as_number(&left_text)?.zip(as_number(&right_text)?);
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

fn text(value: &[Value], line: &str, fields: &[String], number: usize) -> Flow<String> {
    let mut text = String::new();
    append(&mut text, value, line, fields, number)?;
    Ok(text)
}

/// Puts what `value` is behind `text`.
fn append(text: &mut String, value: &[Value], line: &str, fields: &[String], number: usize) -> Flow<()> {
    for one in value {
        match one {
            Value::Field(0) => text.push_str(line),
            Value::Field(field) => text.push_str(fields.get(field - 1).map_or("", String::as_str)),
            Value::LastField => text.push_str(fields.last().map_or(line, String::as_str)),
            Value::LineNumber => text.push_str(&number.to_string()),
            Value::FieldCount => text.push_str(&fields.len().to_string()),
            Value::Text(one) | Value::Number(one) => text.push_str(one),
        }
        see_that_output_ends(text.len())?;
    }
    Ok(())
}

/// The number that a text is, `None` where it is a text only. What C reads as a number beyond decimal ones (`0x10`,
/// `inf`, `nan`) is not understood.
fn as_number(text: &str) -> Flow<Option<f64>> {
    let text = text.trim();
    let bare = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if ["0x", "inf", "nan"].iter().any(|special| bare.starts_with(special)) {
        return unknown("`awk` that compares such a number");
    }
    Ok(text.parse().ok())
}

/// Reads a program; `None` where it does something else.
struct Parser {
    cursor: Cursor,
}

impl Parser {
    /// Takes `text` if it comes next, white space before it skipped.
    fn takes(&mut self, text: &str) -> bool {
        self.cursor.skip(&[' ', '\t']);
        self.cursor.takes(text)
    }

    fn rules(&mut self) -> Option<Vec<Rule>> {
        let mut rules = Vec::new();
        loop {
            self.cursor.skip(&[' ', '\t', '\n', ';']);
            if self.cursor.peek().is_none() {
                return Some(rules);
            }
            let mut conditions = if self.cursor.peek() == Some('{') { Vec::new() } else { self.conditions()? };
            let mut printed = vec![vec![Value::Field(0)]];
            if self.takes("{") {
                self.cursor.skip(&[' ', '\t', '\n', ';']);
                if self.takes("if") {
                    if !self.takes("(") {
                        return None;
                    }
                    conditions.extend(self.conditions()?);
                    if !self.takes(")") {
                        return None;
                    }
                }
                if !self.takes("print") || self.cursor.peek().is_some_and(char::is_alphanumeric) {
                    return None;
                }
                printed = self.values()?;
                self.cursor.skip(&[' ', '\t', '\n', ';']);
                if !self.takes("}") {
                    return None;
                }
            } else if !matches!(self.cursor.peek(), None | Some('\n' | ';')) {
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
            let letter = self.cursor.peek()?;
            self.cursor.advance(1);
            match letter {
                '/' => return Regex::new(&pattern, Syntax::Extended, false).ok(),
                '\\' if self.cursor.peek() == Some('/') => {
                    self.cursor.advance(1);
                    pattern.push('/');
                }
                '\\' => {
                    pattern.push('\\');
                    pattern.push(self.cursor.peek()?);
                    self.cursor.advance(1);
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
            self.cursor.skip(&[' ', '\t']);
            match self.cursor.peek() {
                Some('$') => {
                    self.cursor.advance(1);
                    if self.takes("NF") {
                        values.push(Value::LastField);
                    } else {
                        values.push(Value::Field(self.digits()?.parse().ok()?));
                    }
                }
                Some('0'..='9') => values.push(Value::Number(self.digits()?)),
                Some('"') => {
                    self.cursor.advance(1);
                    let start = self.cursor.position();
                    while self.cursor.peek()? != '"' {
                        self.cursor.advance(if self.cursor.peek() == Some('\\') { 2 } else { 1 });
                    }
                    let text: String = self.cursor.since(start).iter().collect();
                    self.cursor.advance(1);
                    if text.contains("\\/") {
                        return None;
                    }
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
        Some(self.cursor.digits()).filter(|digits| !digits.is_empty())
    }
}
