//! `echo` and `printf` with their escapes, as busybox has them.

use super::flow::{Flow, give_up, unknown};
use super::shell::Shell;
use super::streams::{Streams, see_that_output_ends};

/// The widest field and the longest precision.
const WIDEST: usize = 1 << 16;

/// Whose escapes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// `echo -e` and `%b`: an octal number may begin with a further 0, `\c` ends the output.
    Echo,
    /// The format of `printf`.
    Format,
    /// `$'…'`
    Quoted,
}

/// A text without its escapes.
pub(super) struct Unescaped {
    pub(super) bytes: Vec<u8>,
    /// Whether `\c` ended it.
    pub(super) is_ended: bool,
}

/// `text` with its escapes replaced by what they stand for; what is no escape stays.
pub(super) fn unescape(text: &str, escapes: Escapes) -> Unescaped {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        if after.starts_with('c') && escapes != Escapes::Quoted {
            return Unescaped { bytes, is_ended: true };
        }
        rest = escape(after, escapes, &mut bytes);
    }
    bytes.extend_from_slice(rest.as_bytes());
    Unescaped { bytes, is_ended: false }
}

/// Adds what the escape stands for whose backslash stands before `text`; what comes after it.
fn escape<'text>(text: &'text str, escapes: Escapes, bytes: &mut Vec<u8>) -> &'text str {
    let Some(letter) = text.chars().next() else {
        bytes.push(b'\\');
        return text;
    };
    let after = text.get(letter.len_utf8()..).unwrap_or_default();
    let digits =
        |text: &str, most: usize, radix: u32| text.chars().take(most).take_while(|digit| digit.is_digit(radix)).count();
    bytes.push(match letter {
        'a' => 0x07,
        'b' => 0x08,
        'e' => 0x1b,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        '\'' | '"' if escapes == Escapes::Quoted => letter as u8,
        '0'..='7' => {
            let number = if letter == '0' && escapes == Escapes::Echo { after } else { text };
            let count = digits(number, 3, 8);
            let (number, after) = number.split_at(count);
            bytes.push((u32::from_str_radix(number, 8).unwrap_or(0) & 0xff) as u8);
            return after;
        }
        'x' if digits(after, 2, 16) > 0 => {
            let (number, after) = after.split_at(digits(after, 2, 16));
            bytes.push(u8::from_str_radix(number, 16).unwrap_or(0));
            return after;
        }
        _ => {
            bytes.push(b'\\');
            return text;
        }
    });
    after
}

/// A conversion of `printf`.
#[derive(Default)]
struct Conversion {
    flags: String,
    width: usize,
    precision: Option<usize>,
}

impl Conversion {
    /// `text` in a field as wide as asked for.
    fn pad(&self, text: &[u8]) -> Vec<u8> {
        let blanks = vec![b' '; self.width.saturating_sub(text.len())];
        if self.flags.contains('-') { [text, &blanks].concat() } else { [&blanks, text].concat() }
    }

    /// A number with its sign or prefix, in a field as wide as asked for.
    fn pad_number(&self, sign: &str, digits: &str) -> Vec<u8> {
        let zeros = match self.precision {
            Some(precision) => precision.saturating_sub(digits.len()),
            None if self.flags.contains('0') && !self.flags.contains('-') => {
                self.width.saturating_sub(digits.len() + sign.len())
            }
            None => 0,
        };
        self.pad(format!("{sign}{}{digits}", "0".repeat(zeros)).as_bytes())
    }
}

impl Shell<'_> {
    pub(super) fn echo(&mut self, arguments: &[String], streams: &Streams) -> Flow<u8> {
        let mut words = arguments;
        let (mut ends, mut escapes) = (true, false);
        while let Some((option, rest)) = words.split_first() {
            let Some(letters) = option.strip_prefix('-').filter(|letters| !letters.is_empty()) else { break };
            if !letters.chars().all(|letter| matches!(letter, 'n' | 'e' | 'E')) {
                break;
            }
            for letter in letters.chars() {
                match letter {
                    'n' => ends = false,
                    'e' => escapes = true,
                    // In busybox `-E` takes nothing back.
                    _ => {}
                }
            }
            words = rest;
        }
        let mut text = words.join(" ").into_bytes();
        if escapes {
            let unescaped = unescape(&words.join(" "), Escapes::Echo);
            text = unescaped.bytes;
            ends &= !unescaped.is_ended;
        }
        if ends {
            text.push(b'\n');
        }
        self.print(streams, text)?;
        Ok(0)
    }

    /// `printf`; the format is used again while there are arguments.
    pub(super) fn printf(&mut self, arguments: &[String], streams: &Streams) -> Flow<u8> {
        let words = match arguments {
            [first, rest @ ..] if first == "--" => rest,
            all => all,
        };
        let Some((format, values)) = words.split_first() else { return Ok(2) };
        let mut values = values.iter();
        let mut printed = Vec::new();
        let mut status = 0;
        loop {
            let before = values.len();
            let ended = format_once(format, &mut values, &mut printed, &mut status)?;
            self.spend_work(format.len())?;
            if ended || values.len() == 0 || values.len() == before {
                break;
            }
        }
        self.print(streams, printed)?;
        Ok(status)
    }
}

/// Prints `format` once, with as many of `values` as it takes; whether `\c` ended the output.
fn format_once(
    format: &str,
    values: &mut std::slice::Iter<'_, String>,
    printed: &mut Vec<u8>,
    status: &mut u8,
) -> Flow<bool> {
    let mut rest = format;
    while let Some(place) = rest.find(['\\', '%']) {
        see_that_output_ends(printed.len())?;
        let (before, from) = rest.split_at(place);
        printed.extend_from_slice(before.as_bytes());
        let after = from.get(1..).unwrap_or_default();
        if from.starts_with('\\') {
            if after.starts_with('c') {
                return Ok(true);
            }
            rest = escape(after, Escapes::Format, printed);
            continue;
        }
        if let Some(after) = after.strip_prefix('%') {
            printed.push(b'%');
            rest = after;
            continue;
        }
        let mut conversion = Conversion::default();
        let flags = after.len() - after.trim_start_matches(['-', '+', ' ', '#', '0']).len();
        let (flags, mut after) = after.split_at(flags);
        conversion.flags = flags.to_owned();
        if let Some(width) = number(&mut after, values)? {
            conversion.width = width.unsigned_abs();
            if width < 0 {
                conversion.flags.push('-');
            }
        }
        if let Some(mut precision) = after.strip_prefix('.') {
            conversion.precision = Some(usize::try_from(number(&mut precision, values)?.unwrap_or(0)).unwrap_or(0));
            after = precision;
        }
        if conversion.width.max(conversion.precision.unwrap_or(0)) > WIDEST {
            return give_up("what it writes grows without end");
        }
        let mut letters = after.chars();
        let letter = letters.next();
        rest = letters.as_str();
        match letter {
            Some('s') => {
                let value = values.next().map_or(&[][..], |value| value.as_bytes());
                let end = conversion.precision.unwrap_or(value.len()).min(value.len());
                printed.extend(conversion.pad(value.get(..end).unwrap_or(value)));
            }
            Some('b') => {
                let value = unescape(values.next().map_or("", String::as_str), Escapes::Echo);
                printed.extend(conversion.pad(&value.bytes));
                if value.is_ended {
                    return Ok(true);
                }
            }
            Some('c') => {
                let value = values.next().map_or(&[][..], |value| value.as_bytes());
                // Of nothing it prints the byte that ends a text.
                printed.extend(conversion.pad(value.get(..1).unwrap_or(b"\0")));
            }
            Some(letter @ ('d' | 'i' | 'u' | 'o' | 'x' | 'X')) => {
                let value = values.next().map_or("", String::as_str);
                let value = integer(value).unwrap_or_else(|| {
                    *status = 1;
                    0
                });
                let unsigned = value.cast_unsigned();
                let signed = matches!(letter, 'd' | 'i');
                let (sign, digits) = match letter {
                    'o' if conversion.flags.contains('#') => ("0", format!("{unsigned:o}")),
                    'o' => ("", format!("{unsigned:o}")),
                    'x' if conversion.flags.contains('#') && value != 0 => ("0x", format!("{unsigned:x}")),
                    'x' => ("", format!("{unsigned:x}")),
                    'X' if conversion.flags.contains('#') && value != 0 => ("0X", format!("{unsigned:X}")),
                    'X' => ("", format!("{unsigned:X}")),
                    'u' => ("", unsigned.to_string()),
                    _ if value < 0 => ("-", value.unsigned_abs().to_string()),
                    _ if signed && conversion.flags.contains('+') => ("+", value.to_string()),
                    _ if signed && conversion.flags.contains(' ') => (" ", value.to_string()),
                    _ => ("", value.to_string()),
                };
                printed.extend(conversion.pad_number(sign, &digits));
            }
            _ => return unknown("a format of `printf`"),
        }
    }
    printed.extend_from_slice(rest.as_bytes());
    Ok(false)
}

/// The number at the beginning of `text`, or the next value for a `*`; `None` where neither is there.
fn number(text: &mut &str, values: &mut std::slice::Iter<'_, String>) -> Flow<Option<isize>> {
    if let Some(after) = text.strip_prefix('*') {
        *text = after;
        return match values.next().map_or(Some(0), |value| value.parse().ok()) {
            Some(number) => Ok(Some(number)),
            None => unknown("a width of `printf`"),
        };
    }
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let (number, after) = text.split_at(digits);
    *text = after;
    // A number beyond all bounds is refused where the field is.
    Ok((digits > 0).then(|| number.parse().unwrap_or(isize::MAX)))
}

/// An integer as C writes it, or a letter after a quote; nothing is 0.
fn integer(text: &str) -> Option<i64> {
    if let Some(quoted) = text.strip_prefix(['\'', '"']) {
        return quoted.bytes().next().map_or(Some(0), |byte| Some(i64::from(byte)));
    }
    let text = text.trim_start();
    if text.is_empty() {
        return Some(0);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = if let Some(hexadecimal) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        u64::from_str_radix(hexadecimal, 16).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        u64::from_str_radix(digits, 8).ok()?
    } else {
        digits.parse().ok()?
    };
    Some(if negative { number.cast_signed().wrapping_neg() } else { number.cast_signed() })
}
