//! What a module says about itself, and the numbers of module, subscriber and SIM card.

use std::time::Duration;

use modemqtt_at::dialect::Dialect;
use modemqtt_os::Moment;

use super::sim::is_about_the_card;
use super::{Course, Inquiry, Move, Turn, lines, unreadable};
use crate::call::Reply;
use crate::error::Error;

/// Commands for the number of the SIM card: the first serves a family without one of its own. If the family's command is
/// refused, the first of these that differs from it is tried.
const ICCID_COMMANDS: [&str; 2] = ["CCID", "QCCID"];

/// The lines that answer `ATI`.
pub(super) fn lines_of_ati(timeout: Option<Duration>) -> Inquiry {
    Inquiry {
        line: |_| "ATI".to_owned(),
        read: |lines, _| Reply::Response { lines: lines.to_vec() },
        timeout,
    }
}

/// A number of 14 to 17 digits at the end of a line.
#[derive(Debug)]
pub(super) struct Number {
    what: &'static str,
    /// The commands that ask for it, in order; if one is refused, the next is tried.
    commands: std::slice::Iter<'static, &'static str>,
}

impl Number {
    /// From `AT+CGSN=1`, or from `AT+GSN` if there is no such form.
    pub(super) fn imei() -> Self {
        Self {
            what: "an IMEI",
            commands: ["AT+CGSN=1", "AT+GSN"].iter(),
        }
    }

    /// From `AT+CIMI`.
    pub(super) fn imsi() -> Self {
        Self {
            what: "an IMSI",
            commands: ["AT+CIMI"].iter(),
        }
    }
}

impl Course for Number {
    fn next(&mut self, turn: Turn, _: Option<&'static Dialect>, _: Moment) -> Move {
        let refused = match turn {
            Turn::Begin => None,
            Turn::Ended(Err(error @ Error::Command { .. })) => Some(error),
            Turn::Ended(answer) => return Move::End(lines(answer).and_then(|lines| long_number(&lines, self.what))),
            _ => return Move::Stay,
        };
        match (self.commands.next(), refused) {
            (Some(command), _) => Move::command(*command, None),
            (None, Some(error)) => Move::End(Err(error)),
            (None, None) => Move::Stay,
        }
    }
}

fn long_number(lines: &[String], what: &'static str) -> Result<Reply, Error> {
    let number = lines.iter().find_map(|line| {
        let line = line.strip_suffix('"').unwrap_or(line);
        let rest = line.trim_end_matches(|one: char| one.is_ascii_digit());
        let number = &line[rest.len()..];
        (14..=17).contains(&number.len()).then(|| number.to_owned())
    });
    number.map(Reply::Text).ok_or_else(|| unreadable(what, lines))
}

/// The number of the SIM card, asked for with the family's own command or, if that is refused, with another.
#[derive(Debug, Default)]
pub(super) struct Iccid {
    /// The refusal of the family's own command.
    refused: Option<Error>,
}

impl Course for Iccid {
    fn next(&mut self, turn: Turn, dialect: Option<&'static Dialect>, _: Moment) -> Move {
        let own = dialect.and_then(|dialect| dialect.around.iccid).unwrap_or("CCID");
        match (turn, &self.refused) {
            (Turn::Begin, _) => Move::command(format!("AT+{own}"), None),
            (Turn::Ended(Err(error @ Error::Command { .. })), None) => {
                if is_about_the_card(&error) {
                    return Move::End(Err(error));
                }
                self.refused = Some(error);
                let other = ICCID_COMMANDS.iter().find(|name| **name != own).unwrap_or(&own);
                Move::command(format!("AT+{other}"), None)
            }
            (Turn::Ended(Err(Error::Command { .. })), Some(first)) => Move::End(Err(first.clone())),
            (Turn::Ended(answer), _) => Move::End(lines(answer).and_then(|lines| card(&lines))),
            _ => Move::Stay,
        }
    }
}

/// ITU-T E.118: up to 19 digits and a check digit, padded with F; some operators use digits that are not decimal.
fn card(lines: &[String]) -> Result<Reply, Error> {
    let number = lines.iter().find_map(|line| {
        let number = line.rsplit(':').next()?.trim_matches([' ', '"']).to_ascii_uppercase();
        let fits = (18..=22).contains(&number.len())
            && number
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
        fits.then(|| number.trim_end_matches('F').to_owned())
    });
    number
        .map(Reply::Text)
        .ok_or_else(|| unreadable("an ICCID of 18 to 22 digits", lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_at_the_end_of_a_line_with_quotes_or_without() {
        let number = |line: &str| long_number(&[line.to_owned()], "an IMEI").ok();
        for line in ["490154203237518", "+CGSN: 490154203237518", "+CGSN:\"490154203237518\""] {
            assert_eq!(number(line), Some(Reply::Text("490154203237518".into())), "{line}");
        }
        for line in ["", "1234567890123", "490154203237518 x", "123456789012345678"] {
            assert_eq!(number(line), None, "{line}");
        }
    }
}
