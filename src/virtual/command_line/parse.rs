//! A command line to commands and raw parameters (V.250 sections 5.2.3 and 5.4).

use modemqtt_at::ascii::QUOTE;

/// Walks over the commands of one line. Each is taken with [`Cursor::next_head`] and, in its set form, [`Cursor::parameters`].
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    /// Whether a backslash in a string introduces the number of a character.
    escapes: bool,
}

/// The part of a command before its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head<'a> {
    /// `E0`, `&F`: a letter, perhaps after an ampersand, and perhaps a number (V.250 section 5.3.1).
    Basic {
        /// Whether an ampersand stood before it.
        ampersand: bool,
        /// The letter, in upper case.
        letter: u8,
        /// The number; 0 if there was none (V.250 section 5.3.1).
        number: u32,
    },
    /// `S3`: an S-parameter (V.250 section 5.3.2).
    Register {
        /// Its number.
        register: u32,
        /// What to do with it.
        access: Access,
    },
    /// `+NAME` and its suffix (V.250 section 5.4).
    Extended {
        /// The name without `+`.
        name: &'a [u8],
        /// What follows the name.
        suffix: Suffix,
    },
}

/// What follows the number of an S-parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `?`
    Read,
    /// `=` and a number; 0 if there is none (V.250 section 5.3.2).
    Set(u32),
}

/// What follows the name of an extended command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suffix {
    /// Nothing.
    None,
    /// `?`
    Read,
    /// `=?`
    Test,
    /// `=` and parameters.
    Set,
}

/// A parameter as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A decimal number.
    Integer(i64),
    /// Between quotes.
    Quoted(Vec<u8>),
    /// Between quotes, and as long as the number before it says.
    Payload(Vec<u8>),
    /// Nothing between two commas.
    Omitted,
    /// Neither a number nor in quotes.
    Word(Vec<u8>),
}

/// The line is not one of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a command line")]
pub struct Malformed;

impl<'a> Cursor<'a> {
    /// At the start of a line, after `AT`.
    pub const fn new(line: &'a [u8]) -> Self {
        Self {
            rest: line,
            escapes: false,
        }
    }

    /// The same; `escapes` says whether strings have the escapes of V.250 section 5.4.2.2.
    #[must_use]
    pub const fn with_escapes(self, escapes: bool) -> Self {
        Self { escapes, ..self }
    }

    /// The next command; `None` at the end of the line.
    pub fn next_head(&mut self) -> Result<Option<Head<'a>>, Malformed> {
        // A semicolon may end any command; between two extended ones it must (V.250 section 5.4.2), which `ended` sees to.
        while matches!(self.peek(), Some(b';')) {
            self.advance(1);
        }
        match self.peek() {
            None => Ok(None),
            Some(b'+') => {
                self.advance(1);
                self.extended().map(Some)
            }
            Some(b'&') => {
                self.advance(1);
                self.basic(true).map(Some)
            }
            Some(_) => self.basic(false).map(Some),
        }
    }

    /// The parameters up to the end of the command. `payload` derives the length of a payload from the parameters before it, because the
    /// quotes inside are not escaped (BC660K-GL note 6.2).
    pub fn parameters(&mut self, payload: impl Fn(&[Value]) -> Option<i64>) -> Result<Vec<Value>, Malformed> {
        let mut values = Vec::new();
        if matches!(self.peek(), None | Some(b';')) {
            return Ok(values);
        }
        loop {
            let value = match payload(&values) {
                Some(length) => self.payload(length)?,
                None => self.value()?,
            };
            values.push(value);
            match self.peek() {
                Some(b',') => self.advance(1),
                None | Some(b';') => return Ok(values),
                Some(_) => return Err(Malformed),
            }
        }
    }

    fn extended(&mut self) -> Result<Head<'a>, Malformed> {
        let name = self.run(|byte| byte.is_ascii_alphanumeric());
        if !name.first().is_some_and(u8::is_ascii_alphabetic) {
            return Err(Malformed);
        }
        let suffix = match self.peek() {
            Some(b'?') => {
                self.advance(1);
                Suffix::Read
            }
            Some(b'=') => {
                self.advance(1);
                if self.peek() == Some(b'?') {
                    self.advance(1);
                    Suffix::Test
                } else {
                    Suffix::Set
                }
            }
            _ => Suffix::None,
        };
        if suffix != Suffix::Set {
            self.ended()?;
        }
        Ok(Head::Extended { name, suffix })
    }

    fn basic(&mut self, ampersand: bool) -> Result<Head<'a>, Malformed> {
        let letter = match self.peek() {
            Some(byte) if byte.is_ascii_alphabetic() => byte.to_ascii_uppercase(),
            _ => return Err(Malformed),
        };
        self.advance(1);
        let number = self.number()?;
        if letter == b'S' && !ampersand {
            return self.register(number);
        }
        Ok(Head::Basic {
            ampersand,
            letter,
            number,
        })
    }

    fn register(&mut self, register: u32) -> Result<Head<'a>, Malformed> {
        let suffix = self.peek();
        self.advance(1);
        let access = match suffix {
            Some(b'?') => Access::Read,
            Some(b'=') => Access::Set(self.number()?),
            _ => return Err(Malformed),
        };
        Ok(Head::Register { register, access })
    }

    /// The number that the next digits make; 0 if there are none.
    fn number(&mut self) -> Result<u32, Malformed> {
        self.peek();
        let digits = self.run(|byte| byte.is_ascii_digit());
        let number = if digits.is_empty() { Some(0) } else { decimal(digits) };
        number.and_then(|number| u32::try_from(number).ok()).ok_or(Malformed)
    }

    fn value(&mut self) -> Result<Value, Malformed> {
        match self.peek() {
            None | Some(b',' | b';') => Ok(Value::Omitted),
            Some(QUOTE) => {
                self.advance(1);
                let text = self.run(|byte| byte != QUOTE).to_vec();
                if self.rest.is_empty() {
                    return Err(Malformed);
                }
                self.advance(1);
                Ok(Value::Quoted(if self.escapes { unescaped(&text) } else { text }))
            }
            Some(_) => {
                let word = self.run(|byte| !matches!(byte, b',' | b';' | QUOTE)).trim_ascii_end();
                Ok(decimal(word).map_or_else(|| Value::Word(word.to_vec()), Value::Integer))
            }
        }
    }

    fn payload(&mut self, length: i64) -> Result<Value, Malformed> {
        let length = usize::try_from(length).map_err(|_| Malformed)?;
        if self.peek() != Some(QUOTE) || self.rest.len() < length.saturating_add(2) || self.rest[length + 1] != QUOTE {
            return Err(Malformed);
        }
        let payload = self.rest[1..=length].to_vec();
        self.advance(length + 2);
        Ok(Value::Payload(payload))
    }

    /// Whether the command has ended: a semicolon separates two commands.
    fn ended(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            None | Some(b';') => Ok(()),
            Some(_) => Err(Malformed),
        }
    }

    /// The next character that is not a space; spaces outside strings mean nothing (V.250 section 5.4.1).
    fn peek(&mut self) -> Option<u8> {
        self.run(|byte| byte == b' ');
        self.rest.first().copied()
    }

    fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self
            .rest
            .iter()
            .position(|byte| !belongs(*byte))
            .unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }
}

/// A decimal number, if it fits. V.250 has no sign (section 5.4.2.1); the notes have a minus.
fn decimal(digits: &[u8]) -> Option<i64> {
    if digits.first() == Some(&b'+') {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A string in which each backslash with two hexadecimal digits is replaced by the character that they name.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut characters = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        let named = tail.get(..2).filter(|_| *first == b'\\');
        let named = named.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        characters.push(named.unwrap_or(*first));
        rest = if named.is_some() { &tail[2..] } else { tail };
    }
    characters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(line: &[u8], payload_at: Option<usize>) -> Result<Vec<Value>, Malformed> {
        let mut cursor = Cursor::new(line);
        assert!(matches!(
            cursor.next_head(),
            Ok(Some(Head::Extended {
                suffix: Suffix::Set,
                ..
            }))
        ));
        let values = cursor.parameters(|given| match given.last() {
            Some(Value::Integer(length)) if payload_at == Some(given.len()) => Some(*length),
            _ => None,
        })?;
        assert_eq!(cursor.next_head(), Ok(None));
        Ok(values)
    }

    fn heads(line: &[u8]) -> Result<Vec<Head<'_>>, Malformed> {
        let mut cursor = Cursor::new(line);
        std::iter::from_fn(|| cursor.next_head().transpose()).collect()
    }

    const fn basic(letter: u8, number: u32) -> Head<'static> {
        Head::Basic {
            ampersand: false,
            letter,
            number,
        }
    }

    const fn extended(name: &'static [u8], suffix: Suffix) -> Head<'static> {
        Head::Extended { name, suffix }
    }

    fn quoted(text: &str) -> Value {
        Value::Quoted(text.as_bytes().to_vec())
    }

    #[test]
    fn basic_commands_stand_one_after_the_other() {
        let expected = [basic(b'E', 0), basic(b'V', 1), extended(b"GSN", Suffix::None)];
        assert_eq!(heads(b"e V1+GSN").unwrap(), expected);
    }

    #[test]
    fn extended_commands_are_joined_by_semicolons() {
        let expected = [
            extended(b"CSQ", Suffix::None),
            extended(b"x", Suffix::Read),
            extended(b"Y", Suffix::Test),
        ];
        assert_eq!(heads(b"+CSQ;+x? ; +Y=?;").unwrap(), expected);
        assert_eq!(heads(b"+X?+Y"), Err(Malformed));
    }

    #[test]
    fn parameters_are_numbers_and_strings() {
        let values = [
            Value::Integer(0),
            quoted("a, b;c"),
            Value::Integer(-1),
            Value::Omitted,
            Value::Word(b"x".to_vec()),
        ];
        assert_eq!(set(b"+X= 0 , \"a, b;c\",-1,,x", None).unwrap(), values);
        assert_eq!(set(b"+X=+60", None).unwrap(), [Value::Word(b"+60".to_vec())]);
        assert_eq!(set(b"+X=", None).unwrap(), []);
        assert_eq!(set(b"+X=,", None).unwrap(), [Value::Omitted, Value::Omitted]);
        assert_eq!(set(b"+X=\"a", None), Err(Malformed));
        assert_eq!(set(b"+X=\"a\"b", None), Err(Malformed));
        assert_eq!(
            set(b"+X=99999999999999999999", None).unwrap(),
            [Value::Word(b"99999999999999999999".to_vec())]
        );
    }

    #[test]
    fn a_payload_ends_where_its_length_says() {
        let payload = Value::Payload(b"{\"a\":\"1\",\"b\":\"2\"}".to_vec());
        let values = [quoted("t"), Value::Integer(17), payload];
        assert_eq!(
            set(b"+X=\"t\",17, \"{\"a\":\"1\",\"b\":\"2\"}\"", Some(2)).unwrap(),
            values
        );
        let values = [Value::Integer(0), Value::Payload(Vec::new())];
        assert_eq!(set(b"+X=0,\"\"", Some(1)).unwrap(), values);
        for wrong in [
            &b"+X=2,\"abc\""[..],
            b"+X=4,\"abc\"",
            b"+X=3,abc",
            b"+X=-1,\"\"",
            b"+X=9223372036854775807,\"\"",
        ] {
            assert_eq!(set(wrong, Some(1)), Err(Malformed), "{}", wrong.escape_ascii());
        }
    }
}
