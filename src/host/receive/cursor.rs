//! The fields of a message up to its payload.

/// The most digits of a number, leading zeros included.
const LONGEST_NUMBER: usize = 20;

/// Why a token is not there.
pub(super) enum Missing {
    /// More bytes may bring it.
    More,
    /// Something else stands there.
    Wrong,
}

/// The fields in front of a payload, token by token.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl Cursor<'_> {
    /// A separator, with blanks round it.
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

    /// A decimal number that something follows.
    pub(super) fn number(&mut self) -> Result<usize, Missing> {
        let digits = self.bytes[self.at.min(self.bytes.len())..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits > LONGEST_NUMBER {
            return Err(Missing::Wrong);
        }
        if self.bytes.get(self.at + digits).is_none() && digits <= 7 {
            return Err(Missing::More);
        }
        let text = std::str::from_utf8(&self.bytes[self.at..self.at + digits]).map_err(|_| Missing::Wrong)?;
        let number = text.parse().map_err(|_| Missing::Wrong)?;
        self.at += digits;
        Ok(number)
    }

    pub(super) fn blanks(&mut self) {
        while self.bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
    }
}
