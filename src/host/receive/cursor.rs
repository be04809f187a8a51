//! The fields of a message up to its payload.

/// The most digits of a number, leading zeros included.
const LONGEST_NUMBER: usize = 20;
/// More than any field may be.
const MOST: usize = 1_000_000;

/// Why a token is missing.
pub(super) enum Missing {
    /// More bytes may bring it.
    More,
    /// The text there is something else.
    Wrong,
}

/// The fields before a payload, token by token.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl Cursor<'_> {
    /// A separator, with any blanks around it.
    pub(super) fn separator(&mut self, separator: u8) -> Result<(), Missing> {
        self.blanks();
        self.exactly(separator)?;
        self.blanks();
        Ok(())
    }

    pub(super) fn exactly(&mut self, wanted: u8) -> Result<(), Missing> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte == wanted => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(Missing::Wrong),
            None => Err(Missing::More),
        }
    }

    /// A decimal number that is not the last thing in the buffer.
    pub(super) fn number(&mut self) -> Result<usize, Missing> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (mut digits, mut number) = (0, 0_usize);
        while let Some(digit) = rest.get(digits).filter(|byte| byte.is_ascii_digit()) {
            // A number that no field may have grows no further.
            if number <= MOST {
                number = 10 * number + usize::from(digit - b'0');
            }
            digits += 1;
        }
        if digits == 0 && !rest.is_empty() || digits > LONGEST_NUMBER {
            return Err(Missing::Wrong);
        }
        if digits == rest.len() && digits <= 7 {
            return Err(Missing::More);
        }
        self.at += digits;
        Ok(number)
    }

    pub(super) fn blanks(&mut self) {
        while self.bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
    }
}
