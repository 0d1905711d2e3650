//! Options of a command, in letters, with values and without, and its operands; in any order, as busybox takes them.

/// What a command was called with.
pub(super) struct Options<'arguments> {
    letters: Vec<(char, &'arguments str)>,
    /// What is no option.
    pub(super) operands: Vec<&'arguments str>,
}

impl<'arguments> Options<'arguments> {
    /// Reads `arguments`, of which the letters of `with_value` have values. `None` where a letter is not known or a
    /// value is missing.
    pub(super) fn parse(arguments: &'arguments [String], without_value: &str, with_value: &str) -> Option<Self> {
        let mut options = Self { letters: Vec::new(), operands: Vec::new() };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                options.operands.push(word);
                continue;
            };
            if letters == "-" {
                options.operands.extend(words.by_ref().map(String::as_str));
                break;
            }
            for (place, letter) in letters.char_indices() {
                if with_value.contains(letter) {
                    let attached = letters.get(place + letter.len_utf8()..).unwrap_or_default();
                    let value = if attached.is_empty() { words.next()?.as_str() } else { attached };
                    options.letters.push((letter, value));
                    break;
                }
                if !without_value.contains(letter) {
                    return None;
                }
                options.letters.push((letter, ""));
            }
        }
        Some(options)
    }

    pub(super) fn has(&self, letter: char) -> bool {
        self.letters.iter().any(|(given, _)| *given == letter)
    }

    /// The values given with `letter`, in order.
    pub(super) fn values(&self, letter: char) -> impl Iterator<Item = &'arguments str> {
        self.letters.iter().filter(move |(given, _)| *given == letter).map(|(_, value)| *value)
    }

    /// The last of them.
    pub(super) fn value(&self, letter: char) -> Option<&'arguments str> {
        self.values(letter).last()
    }
}
