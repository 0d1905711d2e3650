//! How deep a JavaScript source nests, found out before it is parsed: the parser goes down a level of its stack with each,
//! and a stack that ends takes the whole program with it.
//!
//! A level is an open bracket, and whatever stands in it since the last thing that ended an expression: `a.b.c`, `!!!x`,
//! `a => b => c` and `if (1) if (2)` nest without any bracket. That is more than there really is, which costs nothing: no
//! program comes near the limit. Strings, comments, templates and regular expressions are passed over, the last by the
//! usual guess.

/// What came before, as far as it decides what `/` or a word means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// An operator, a bracket that opens, a word that wants something after it, or nothing.
    Operator,
    /// A name, a number, a string: the end of an operand.
    Operand,
    /// `)` or `]`.
    Closed,
    /// `}`.
    Block,
}

/// Words that go on with the expression or statement before them.
const CONTINUING: [&[u8]; 7] = [b"as", b"else", b"extends", b"in", b"instanceof", b"of", b"satisfies"];
/// Words that want something after them.
const WANTING: [&[u8]; 15] = [
    b"async",
    b"await",
    b"case",
    b"class",
    b"default",
    b"delete",
    b"do",
    b"function",
    b"new",
    b"return",
    b"throw",
    b"try",
    b"typeof",
    b"void",
    b"yield",
];

/// Whether `source` nests deeper than `limit` levels.
pub(super) fn is_deeper(source: &[u8], limit: usize) -> bool {
    // Each open bracket: what it holds since its last expression ended, and whether it is the `${` of a template.
    let mut open: Vec<(usize, bool)> = vec![(0, false)];
    let (mut levels, mut last, mut at) = (1, Last::Operator, 0);
    let mut fresh_line = false;
    while let Some(&byte) = source.get(at) {
        let rest = source.get(at..).unwrap_or_default();
        let mut taken = 1;
        let mut next = Last::Operator;
        let mut ends = false;
        match byte {
            b'\n' | b'\r' => fresh_line = true,
            b' ' | b'\t' => {}
            b'/' if rest.starts_with(b"//") => taken = to_line_end(rest),
            b'/' if rest.starts_with(b"/*") => {
                taken =
                    memchr::memmem::find(rest.get(2..).unwrap_or_default(), b"*/").map_or(rest.len(), |end| end + 4);
            }
            b'/' if matches!(last, Last::Operator | Last::Block) => {
                (taken, next) = (regular_expression(rest), Last::Operand);
            }
            b'\'' | b'"' => (taken, next) = (string(rest, byte), Last::Operand),
            b'`' => {
                taken = 1 + template(rest.get(1..).unwrap_or_default());
                if rest.get(..taken).is_some_and(|text| text.ends_with(b"${")) {
                    open.push((0, true));
                    levels += 1;
                } else {
                    next = Last::Operand;
                }
            }
            b'(' | b'[' | b'{' => {
                open.push((0, false));
                levels += 1;
            }
            b')' | b']' | b'}' => {
                next = if byte == b'}' { Last::Block } else { Last::Closed };
                if open.len() > 1 {
                    let (held, is_template) = open.pop().unwrap_or_default();
                    levels -= held + 1;
                    if is_template {
                        taken = 1 + template(rest.get(1..).unwrap_or_default());
                        if rest.get(..taken).is_some_and(|text| text.ends_with(b"${")) {
                            open.push((0, true));
                            levels += 1;
                            next = Last::Operator;
                        } else {
                            next = Last::Operand;
                        }
                    }
                }
            }
            b',' | b';' => ends = true,
            _ if is_word(byte) => {
                taken = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
                let word = rest.get(..taken).unwrap_or_default();
                let continues = CONTINUING.contains(&word);
                // Two operands side by side are two statements; after `)` only where a new line says so.
                ends =
                    !continues && (matches!(last, Last::Operand | Last::Block) || (last == Last::Closed && fresh_line));
                next = if continues || WANTING.contains(&word) { Last::Operator } else { Last::Operand };
            }
            _ => {}
        }
        let is_blank =
            matches!(byte, b'\n' | b'\r' | b' ' | b'\t') || rest.starts_with(b"//") || rest.starts_with(b"/*");
        if let Some((held, _)) = open.last_mut().filter(|_| !is_blank) {
            if ends {
                levels -= std::mem::take(held);
            }
            *held += 1;
            levels += 1;
            (last, fresh_line) = (next, false);
        }
        if levels > limit {
            return true;
        }
        at += taken.max(1);
    }
    false
}

/// Bytes of names and numbers; those beyond ASCII too.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'#' | b'@') || byte >= 0x80
}

/// How long the comment at the beginning of `text` is.
fn to_line_end(text: &[u8]) -> usize {
    memchr::memchr2(b'\n', b'\r', text).unwrap_or(text.len())
}

/// How long the string at the beginning of `text` is, quotes included.
fn string(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' => return at,
            _ if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// How long the text of a template is, up to and with what ends it: a backquote or `${`.
fn template(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            b'`' => return at + 1,
            b'$' if text.get(at + 1) == Some(&b'{') => return at + 2,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// How long the regular expression at the beginning of `text` is; its flags are a word of their own, which does no harm.
fn regular_expression(text: &[u8]) -> usize {
    let (mut at, mut in_class) = (1, false);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'/' if !in_class => return at + 1,
            // None goes over a line's end: it was a division.
            b'\n' | b'\r' => return 1,
            _ => {}
        }
        at += 1;
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nests_is_counted() {
        for part in [
            "(//)\n",
            "(/*)*/",
            "(')',",
            "(\")\",",
            "(/)/,",
            "(/[/)]/,",
            "(`)`,",
            "`${",
            "[`${1}`,",
            "!",
            "a=>",
            ".a",
            "()",
            "+1",
            "**1",
            "1?2:",
            "a=",
            "a:",
            "if(1)",
            "new ",
            "async a=>",
            "do ",
            "{",
            "typeof ",
            "() =>\n",
            "function a(b){",
        ] {
            let source = format!("x={}", part.repeat(1000));
            assert!(is_deeper(source.as_bytes(), 900), "{part}");
        }
    }

    #[test]
    fn what_stands_side_by_side_does_not_nest() {
        for part in [
            "a(b)\n",
            "a = b\n",
            "a(b);",
            "a,",
            "function a(b) { return b }",
            "if (1) { a } else { b }\n",
            "a = { b: [c] }\n",
            "// (\n",
            "/* ( */",
            "'(',",
            "/[(]/.test(a);",
            "a = b / c / d;",
            "a = `(${b}`\n",
            "`a ${`b ${c}`}`;",
            "class A { b() {} }",
            "[1, 2],",
            "export const a = 1\n",
            "case 1: break\n",
            "(a)(b)(c);",
            "a => b\n",
            "let a\n",
        ] {
            let source = part.repeat(1000);
            assert!(!is_deeper(source.as_bytes(), 40), "{part}");
        }
    }
}
