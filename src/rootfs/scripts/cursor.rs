//! A place in a text that is read letter by letter: the parsers of patterns, `sed` and `awk` go forward by it.

/// The letters of a text, and how many of them have been read.
pub(super) struct Cursor {
    letters: Vec<char>,
    at: usize,
}

impl Cursor {
    pub(super) fn new(text: &str) -> Self {
        Self { letters: text.chars().collect(), at: 0 }
    }

    /// How many letters have been read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Goes back to where [`Cursor::position`] was `position`.
    pub(super) fn go_back(&mut self, position: usize) {
        self.at = position;
    }

    /// The next letter, which stays the next.
    pub(super) fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    /// The letter that comes `distance` letters after the next.
    pub(super) fn peek_at(&self, distance: usize) -> Option<char> {
        self.letters.get(self.at + distance).copied()
    }

    /// All that has not been read.
    pub(super) fn rest(&self) -> &[char] {
        self.letters.get(self.at..).unwrap_or_default()
    }

    /// What was read since `position`.
    pub(super) fn since(&self, position: usize) -> &[char] {
        self.letters.get(position..self.at).unwrap_or_default()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let letter = self.peek();
        self.at += usize::from(letter.is_some());
        letter
    }

    /// Passes over `count` letters, or as many as there are.
    pub(super) fn advance(&mut self, count: usize) {
        self.at = (self.at + count).min(self.letters.len());
    }

    /// Takes `text` if it comes next.
    pub(super) fn takes(&mut self, text: &str) -> bool {
        let is_there = text.chars().enumerate().all(|(distance, letter)| self.peek_at(distance) == Some(letter));
        if is_there {
            self.advance(text.chars().count());
        }
        is_there
    }

    /// Passes over all of `skipped` that come next.
    pub(super) fn skip(&mut self, skipped: &[char]) {
        while self.peek().is_some_and(|letter| skipped.contains(&letter)) {
            self.at += 1;
        }
    }

    /// Takes the digits that come next, which may be none.
    pub(super) fn digits(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            self.at += 1;
        }
        self.since(start).iter().collect()
    }

    /// Takes a number; `None` where there are no digits, or too many.
    pub(super) fn number(&mut self) -> Option<usize> {
        self.digits().parse().ok()
    }
}
