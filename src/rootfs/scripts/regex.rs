//! Regular expressions of POSIX, basic and extended, as musl has them: the leftmost match, and of those the longest.
//!
//! All ways to match are followed at once, so the time is bounded by the length of the text times that of the pattern,
//! and what it took is counted. References to what a group matched (`\1` in a pattern) and classes by collation are
//! refused.

use super::cursor::Cursor;
use super::flow::Flow;

/// Instructions of the longest pattern.
const LONGEST: usize = 4096;
/// How often what repeats may be repeated again, as in `a*{3}`.
const DEEPEST_REPEAT: usize = 16;
/// How much work is done before it is counted.
const COUNTED_AT_ONCE: usize = 1 << 12;
/// The most repetitions that an interval may ask for.
const MOST_REPEATED: usize = 255;

/// How a pattern is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Basic,
    Extended,
    /// No letter is special.
    Fixed,
}

/// A letter's condition.
#[derive(Clone, Debug)]
enum Letter {
    Any,
    One(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// A condition on a place between letters.
#[derive(Clone, Copy, Debug)]
enum Place {
    LineStart,
    LineEnd,
    WordStart,
    WordEnd,
    WordEdge,
    NoWordEdge,
}

#[derive(Clone, Debug)]
enum Node {
    Nothing,
    Letter(Letter),
    Place(Place),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat(Box<Node>, usize, Option<usize>),
    Group(usize, Box<Node>),
}

#[derive(Clone, Debug)]
enum Instruction {
    Letter(Letter),
    Place(Place),
    /// Both ways; the first is preferred.
    Split(usize, usize),
    Jump(usize),
    /// Notes the place.
    Save(usize),
    Match,
}

/// Where groups began and ended; the whole match is group 0.
pub(super) type Groups = Vec<Option<usize>>;

/// A pattern, ready to be matched.
#[derive(Clone, Debug)]
pub(super) struct Regex {
    program: Vec<Instruction>,
    groups: usize,
    ignores_case: bool,
}

/// One way to match, at one instruction.
#[derive(Clone)]
struct Thread {
    at: usize,
    saved: Groups,
}

impl Regex {
    /// Reads a pattern; the error says what is not understood in it.
    pub(super) fn new(pattern: &str, syntax: Syntax, ignores_case: bool) -> Result<Self, String> {
        let mut parser = Parser { cursor: Cursor::new(pattern), syntax, groups: 0, depth: 0 };
        let node = if syntax == Syntax::Fixed {
            Node::Sequence(pattern.chars().map(|letter| Node::Letter(Letter::One(letter))).collect())
        } else {
            parser.choice()?
        };
        if syntax != Syntax::Fixed && parser.cursor.peek().is_some() {
            return Err("a parenthesis that closes nothing".to_owned());
        }
        let mut regex = Self { program: vec![Instruction::Save(0)], groups: parser.groups + 1, ignores_case };
        regex.compile(&node)?;
        regex.program.push(Instruction::Save(1));
        regex.program.push(Instruction::Match);
        Ok(regex)
    }

    fn compile(&mut self, node: &Node) -> Result<(), String> {
        if self.program.len() > LONGEST {
            return Err("it is longer than any pattern".to_owned());
        }
        match node {
            Node::Nothing => {}
            Node::Letter(letter) => self.program.push(Instruction::Letter(letter.clone())),
            Node::Place(place) => self.program.push(Instruction::Place(*place)),
            Node::Sequence(nodes) => nodes.iter().try_for_each(|node| self.compile(node))?,
            Node::Group(number, node) => {
                self.program.push(Instruction::Save(2 * number));
                self.compile(node)?;
                self.program.push(Instruction::Save(2 * number + 1));
            }
            Node::Choice(nodes) => {
                let mut ends = Vec::new();
                for (number, node) in nodes.iter().enumerate() {
                    if number + 1 == nodes.len() {
                        self.compile(node)?;
                    } else {
                        let split = self.program.len();
                        self.program.push(Instruction::Split(split + 1, 0));
                        self.compile(node)?;
                        ends.push(self.program.len());
                        self.program.push(Instruction::Jump(0));
                        self.patch(split);
                    }
                }
                for end in ends {
                    self.patch(end);
                }
            }
            Node::Repeat(node, least, most) => {
                for _ in 0..*least {
                    self.compile(node)?;
                }
                match most {
                    None => {
                        let split = self.program.len();
                        self.program.push(Instruction::Split(split + 1, 0));
                        self.compile(node)?;
                        self.program.push(Instruction::Jump(split));
                        self.patch(split);
                    }
                    Some(most) => {
                        let mut splits = Vec::new();
                        for _ in *least..*most {
                            let split = self.program.len();
                            splits.push(split);
                            self.program.push(Instruction::Split(split + 1, 0));
                            self.compile(node)?;
                        }
                        for split in splits {
                            self.patch(split);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Leads the instruction `at` to the end of the program so far.
    fn patch(&mut self, at: usize) {
        let end = self.program.len();
        match self.program.get_mut(at) {
            Some(Instruction::Split(_, second)) => *second = end,
            Some(Instruction::Jump(target)) => *target = end,
            _ => {}
        }
    }

    /// The leftmost longest match in `text` that begins at `start` or later. What it takes is told to `count` as it goes,
    /// which may end it.
    pub(super) fn find(
        &self,
        text: &[char],
        start: usize,
        mut count: impl FnMut(usize) -> Flow<()>,
    ) -> Flow<Option<Groups>> {
        let mut work = 0;
        let mut best: Option<Groups> = None;
        let mut threads: Vec<Thread> = Vec::new();
        for at in start..=text.len() {
            work += 1 + self.program.len() / 16;
            if work >= COUNTED_AT_ONCE {
                count(std::mem::take(&mut work))?;
            }
            let mut reached = vec![false; self.program.len()];
            let mut next = Vec::new();
            // Those that began earlier come first, so theirs is the way where two meet.
            for thread in threads {
                self.follow(thread, text, at, &mut reached, &mut next, &mut work);
            }
            if best.is_none() {
                let thread = Thread { at: 0, saved: vec![None; 2 * self.groups] };
                self.follow(thread, text, at, &mut reached, &mut next, &mut work);
            }
            threads = Vec::new();
            for thread in next {
                match self.program.get(thread.at) {
                    Some(Instruction::Match) => {
                        let begin = |groups: &Groups| groups.first().copied().flatten();
                        let is_better = best.as_ref().is_none_or(|best| begin(&thread.saved) <= begin(best));
                        if is_better {
                            best = Some(thread.saved);
                        }
                    }
                    Some(Instruction::Letter(letter))
                        if text.get(at).is_some_and(|found| self.fits(letter, *found)) =>
                    {
                        threads.push(Thread { at: thread.at + 1, saved: thread.saved });
                    }
                    _ => {}
                }
            }
            if threads.is_empty() && best.is_some() {
                break;
            }
        }
        count(work)?;
        Ok(best)
    }

    /// Follows `thread` to the instructions that look at a letter.
    fn follow(
        &self,
        thread: Thread,
        text: &[char],
        at: usize,
        reached: &mut [bool],
        next: &mut Vec<Thread>,
        work: &mut usize,
    ) {
        let mut waiting = vec![thread];
        while let Some(mut thread) = waiting.pop() {
            *work += 1 + self.groups / 4;
            match reached.get_mut(thread.at) {
                Some(reached) if !*reached => *reached = true,
                _ => continue,
            }
            match self.program.get(thread.at) {
                Some(Instruction::Jump(target)) => waiting.push(Thread { at: *target, ..thread }),
                Some(Instruction::Split(first, second)) => {
                    waiting.push(Thread { at: *second, saved: thread.saved.clone() });
                    waiting.push(Thread { at: *first, ..thread });
                }
                Some(Instruction::Save(place)) => {
                    if let Some(saved) = thread.saved.get_mut(*place) {
                        *saved = Some(at);
                    }
                    waiting.push(Thread { at: thread.at + 1, ..thread });
                }
                Some(Instruction::Place(place)) if holds(*place, text, at) => {
                    waiting.push(Thread { at: thread.at + 1, ..thread });
                }
                Some(Instruction::Letter(_) | Instruction::Match) => next.push(thread),
                Some(Instruction::Place(_)) | None => {}
            }
        }
    }

    fn fits(&self, letter: &Letter, found: char) -> bool {
        let fits = |found: char| match letter {
            Letter::Any => true,
            Letter::One(wanted) => *wanted == found,
            Letter::Class { ranges, .. } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&found)),
        };
        let fits =
            fits(found) || self.ignores_case && (found.to_lowercase().any(fits) || found.to_uppercase().any(fits));
        fits != matches!(letter, Letter::Class { negated: true, .. })
    }
}

/// Whether `letter` belongs to a word.
pub(super) fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn holds(place: Place, text: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before)).is_some_and(|letter| is_of_word(*letter));
    let after = text.get(at).is_some_and(|letter| is_of_word(*letter));
    match place {
        Place::LineStart => at == 0,
        Place::LineEnd => at == text.len(),
        Place::WordStart => !before && after,
        Place::WordEnd => before && !after,
        Place::WordEdge => before != after,
        Place::NoWordEdge => before == after,
    }
}

struct Parser {
    cursor: Cursor,
    syntax: Syntax,
    groups: usize,
    depth: usize,
}

impl Parser {
    /// Takes the operator `letter`, which in basic expressions has a backslash before it.
    fn takes(&mut self, letter: char) -> bool {
        let is_there = self.sees(letter);
        if is_there {
            self.cursor.advance(if self.syntax == Syntax::Basic { 2 } else { 1 });
        }
        is_there
    }

    fn sees(&self, letter: char) -> bool {
        match self.syntax {
            Syntax::Basic => self.cursor.peek() == Some('\\') && self.cursor.peek_at(1) == Some(letter),
            _ => self.cursor.peek() == Some(letter),
        }
    }

    fn choice(&mut self) -> Result<Node, String> {
        let mut nodes = vec![self.sequence()?];
        while self.takes('|') {
            nodes.push(self.sequence()?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Choice(nodes) })
    }

    fn sequence(&mut self) -> Result<Node, String> {
        let mut nodes: Vec<Node> = Vec::new();
        let start = self.cursor.position();
        while self.cursor.peek().is_some() && !self.sees('|') && !(self.sees(')') && self.depth > 0) {
            let is_first =
                self.cursor.position() == start || matches!(nodes.as_slice(), [Node::Place(Place::LineStart)]);
            let node = match self.atom(self.cursor.position() == start)? {
                // In basic expressions a star that repeats nothing is a star.
                None if self.syntax == Syntax::Basic && is_first => {
                    self.cursor.advance(1);
                    Node::Letter(Letter::One('*'))
                }
                None => return Err("a repetition of nothing".to_owned()),
                Some(node) => node,
            };
            let is_place = matches!(node, Node::Place(_));
            let at = self.cursor.position();
            let node = if is_place && self.syntax == Syntax::Basic { node } else { self.repeated(node)? };
            if is_place && self.cursor.position() > at && self.syntax == Syntax::Extended {
                return Err("a repetition of a place".to_owned());
            }
            nodes.push(node);
        }
        Ok(if nodes.is_empty() { Node::Nothing } else { Node::Sequence(nodes) })
    }

    /// The next thing that may be repeated; `None` where a repetition stands instead.
    fn atom(&mut self, is_first: bool) -> Result<Option<Node>, String> {
        let is_extended = self.syntax == Syntax::Extended;
        if self.takes('(') {
            if self.depth >= 32 {
                return Err("it nests beyond all reason".to_owned());
            }
            self.groups += 1;
            let number = self.groups;
            self.depth += 1;
            let node = self.choice()?;
            self.depth -= 1;
            if !self.takes(')') {
                return Err("a parenthesis that nothing closes".to_owned());
            }
            return Ok(Some(Node::Group(number, Box::new(node))));
        }
        Ok(Some(match self.cursor.peek() {
            Some('*') => return Ok(None),
            Some('+' | '?' | '{') if is_extended => return Ok(None),
            Some('.') => {
                self.cursor.advance(1);
                Node::Letter(Letter::Any)
            }
            Some('[') => {
                self.cursor.advance(1);
                self.class()?
            }
            Some('^') if is_extended || is_first => {
                self.cursor.advance(1);
                Node::Place(Place::LineStart)
            }
            Some('$') if is_extended || self.is_at_end() => {
                self.cursor.advance(1);
                Node::Place(Place::LineEnd)
            }
            Some('\\') => {
                self.cursor.advance(1);
                self.escape()?
            }
            Some(letter) => {
                self.cursor.advance(1);
                Node::Letter(Letter::One(letter))
            }
            None => Node::Nothing,
        }))
    }

    /// Whether a `$` that stands here ends a basic expression.
    fn is_at_end(&self) -> bool {
        match self.cursor.rest() {
            [] | [_] | [_, '\\', '|', ..] => true,
            [_, '\\', ')', ..] => self.depth > 0,
            _ => false,
        }
    }

    fn escape(&mut self) -> Result<Node, String> {
        let word = || vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')];
        let space = || vec![(' ', ' '), ('\t', '\r')];
        let class = |negated, ranges| Node::Letter(Letter::Class { negated, ranges });
        let one = |letter| Node::Letter(Letter::One(letter));
        Ok(match self.cursor.next() {
            None => return Err("a backslash at its end".to_owned()),
            Some('1'..='9') => return Err("a reference to a group".to_owned()),
            Some('{') if self.syntax == Syntax::Basic => return Err("a repetition of nothing".to_owned()),
            Some('<') => Node::Place(Place::WordStart),
            Some('>') => Node::Place(Place::WordEnd),
            Some('b') => Node::Place(Place::WordEdge),
            Some('B') => Node::Place(Place::NoWordEdge),
            Some('w') => class(false, word()),
            Some('W') => class(true, word()),
            Some('s') => class(false, space()),
            Some('S') => class(true, space()),
            Some('d') => class(false, vec![('0', '9')]),
            Some('D') => class(true, vec![('0', '9')]),
            Some('n') => one('\n'),
            Some('t') => one('\t'),
            Some('r') => one('\r'),
            Some('f') => one('\x0c'),
            Some('a') => one('\x07'),
            Some('e') => one('\x1b'),
            Some(letter) if letter.is_ascii_alphanumeric() => return Err(format!("`\\{letter}`")),
            Some(letter) => one(letter),
        })
    }

    /// The repetitions that follow `node`.
    fn repeated(&mut self, mut node: Node) -> Result<Node, String> {
        for _ in 0..DEEPEST_REPEAT {
            let (least, most) = if self.cursor.peek() == Some('*') {
                self.cursor.advance(1);
                (0, None)
            } else if self.takes('+') {
                (1, None)
            } else if self.takes('?') {
                (0, Some(1))
            } else if self.takes('{') {
                self.interval()?
            } else {
                return Ok(node);
            };
            // Nothing, however often, is nothing, and no work.
            node = match node {
                Node::Nothing => Node::Nothing,
                _ if most == Some(0) => Node::Nothing,
                node => Node::Repeat(Box::new(node), least, most),
            };
        }
        Err("repetitions of repetitions beyond all reason".to_owned())
    }

    fn interval(&mut self) -> Result<(usize, Option<usize>), String> {
        let least = self.cursor.number();
        let most = if self.cursor.peek() == Some(',') {
            self.cursor.advance(1);
            self.cursor.number()
        } else {
            least
        };
        let ended = self.takes('}');
        match (least, most) {
            (Some(least), most)
                if ended && least.max(most.unwrap_or(0)) <= MOST_REPEATED && most.is_none_or(|most| least <= most) =>
            {
                Ok((least, most))
            }
            _ => Err("an interval that makes no sense".to_owned()),
        }
    }

    /// The class after its `[`. A backslash in it is a letter like any other.
    fn class(&mut self) -> Result<Node, String> {
        let open = || "a bracket that nothing closes".to_owned();
        let negated = self.cursor.peek() == Some('^');
        self.cursor.advance(usize::from(negated));
        let mut ranges = Vec::new();
        let start = self.cursor.position();
        loop {
            let letter = self.cursor.next().ok_or_else(open)?;
            if letter == ']' && self.cursor.position() > start + 1 {
                return Ok(Node::Letter(Letter::Class { negated, ranges }));
            }
            if letter == '[' && matches!(self.cursor.peek(), Some(':' | '.' | '=')) {
                let kind = self.cursor.next();
                let mut name = String::new();
                while let Some(letter) = self.cursor.next().filter(|letter| Some(*letter) != kind) {
                    name.push(letter);
                }
                if kind != Some(':') || self.cursor.next() != Some(']') {
                    return Err("a class by collation".to_owned());
                }
                ranges.extend_from_slice(named_class(&name).ok_or_else(|| format!("the class `{name}`"))?);
                if self.cursor.peek() == Some('-') && self.cursor.peek_at(1) != Some(']') {
                    return Err("a range that begins with a class".to_owned());
                }
                continue;
            }
            match (self.cursor.peek(), self.cursor.peek_at(1)) {
                (Some('-'), Some(high)) if high != ']' => {
                    self.cursor.advance(2);
                    if high < letter || high == '[' {
                        return Err("a range that ends before it begins".to_owned());
                    }
                    ranges.push((letter, high));
                }
                _ => ranges.push((letter, letter)),
            }
        }
    }
}

fn named_class(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alnum" => &[('a', 'z'), ('A', 'Z'), ('0', '9')],
        "alpha" => &[('a', 'z'), ('A', 'Z')],
        "blank" => &[(' ', ' '), ('\t', '\t')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[(' ', ' '), ('\t', '\r')],
        "upper" => &[('A', 'Z')],
        "xdigit" => &[('0', '9'), ('a', 'f'), ('A', 'F')],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `pattern` matches in `text`: the whole and its groups.
    fn matched(pattern: &str, syntax: Syntax, text: &str) -> Option<Vec<String>> {
        let letters: Vec<char> = text.chars().collect();
        let found = Regex::new(pattern, syntax, false).unwrap().find(&letters, 0, |_| Ok(()));
        let groups = found.unwrap_or_default()?;
        let part = |pair: &[Option<usize>]| match pair {
            [Some(start), Some(end)] => letters[*start..*end].iter().collect(),
            _ => "-".to_owned(),
        };
        Some(groups.chunks(2).map(part).collect())
    }

    #[test]
    fn the_leftmost_longest_match_is_found() {
        use Syntax::{Basic, Extended, Fixed};
        for (pattern, syntax, text, expected) in [
            ("b*", Basic, "abb", Some(&[""][..])),
            ("bb*", Basic, "abb", Some(&["bb"])),
            ("a|ab|abc", Extended, "xabcd", Some(&["abc"])),
            ("a?(ab)?", Extended, "ab", Some(&["ab", "ab"])),
            ("(a*)(ab)*(b*)", Extended, "abb", Some(&["abb", "a", "-", "bb"])),
            ("^#*CLOUD=.*", Basic, "#CLOUD=aws x", Some(&["#CLOUD=aws x"])),
            ("^a", Basic, "ba", None),
            ("a^b$c", Basic, "a^b$c", Some(&["a^b$c"])),
            ("*a", Basic, "b*a", Some(&["*a"])),
            ("\\(^*a\\)", Basic, "*a", Some(&["*a", "*a"])),
            ("a\\{2,3\\}", Basic, "aaaa", Some(&["aaa"])),
            ("a{2}", Extended, "aaaa", Some(&["aa"])),
            ("a\\|b", Basic, "xb", Some(&["b"])),
            ("a+b?", Extended, "aabb", Some(&["aab"])),
            ("a+b?", Basic, "a+b?", Some(&["a+b?"])),
            ("[]a-c^-]*", Basic, "-]b^x", Some(&["-]b^"])),
            ("[^[:space:]=]+", Extended, " key = v", Some(&["key"])),
            ("[\\n]", Basic, "n\\", Some(&["n"])),
            ("\\<in\\>", Basic, "find in", Some(&["in"])),
            ("a.c", Fixed, "abca.c", Some(&["a.c"])),
            ("()", Extended, "x", Some(&["", ""])),
            (".*\\{postgresql([0-9]+)\\}.*", Extended, "x {postgresql17} y", Some(&["x {postgresql17} y", "17"])),
            ("é", Basic, "caféé", Some(&["é"])),
        ] {
            let expected = expected.map(|groups| groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>());
            assert_eq!(matched(pattern, syntax, text), expected, "{pattern} in {text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (pattern, syntax) in [
            ("\\(a\\)\\1", Syntax::Basic),
            ("[[.a.]]", Syntax::Basic),
            ("[[:nothing:]]", Syntax::Basic),
            ("[[:alpha:]-z]", Syntax::Basic),
            ("^*a", Syntax::Extended),
            ("[a", Syntax::Basic),
            ("(a", Syntax::Extended),
            ("*a", Syntax::Extended),
            ("a{1", Syntax::Extended),
            ("a{3,2}", Syntax::Extended),
            ("a\\", Syntax::Basic),
        ] {
            assert!(Regex::new(pattern, syntax, false).is_err(), "{pattern}");
        }
        assert!(Regex::new(&"(".repeat(100), Syntax::Extended, false).is_err());
        assert!(Regex::new("((a{200}){200}){200}", Syntax::Extended, false).is_err());
    }

    #[test]
    fn no_pattern_takes_long() {
        let text: Vec<char> = "a".repeat(2000).chars().collect();
        let mut work = 0;
        let regex = Regex::new("(a*)*(a*)*b", Syntax::Extended, false).unwrap();
        let found = regex.find(&text, 0, |more| {
            work += more;
            Ok(())
        });
        assert!(matches!(found, Ok(None)));
        assert!(work < 200_000, "{work}");
    }
}
