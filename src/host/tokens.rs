//! The lines that mean the same whichever command is in flight, each compared as a whole: final result codes, and the
//! first lines of a start. Both framing and reading need them.

use modemqtt_at::codes::{CmeCode, CmsCode};
use modemqtt_at::dialect::{self, Start};

use crate::error::Refusal;

/// What the boot ROM prints, without a line end. Several families were seen to print it.
const BOOT_ROM: &[u8] = b"^boot";

/// Whether a line is the first line of a start with something stuck to its front: a line of the boot ROM without its
/// end, or the noise that a UART reads when it is switched on.
pub(crate) fn is_smeared_start(line: &[u8]) -> bool {
    let smears = |front: &[u8]| front.starts_with(BOOT_ROM) || front.iter().any(|byte| !matches!(byte, b' '..=b'~'));
    dialect::ALL.iter().any(|dialect| match dialect.start {
        Start::Line(whole) => line.strip_suffix(whole.as_bytes()).is_some_and(smears),
        Start::Cause(_) => false,
    })
}

/// Whether a line is recognised, and so is unlikely to be the middle of a payload.
pub(crate) fn is_recognised(line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else {
        return false;
    };
    dialect::is_start(line)
        || final_result(line).is_some()
        || line
            .strip_prefix('+')
            .and_then(|rest| rest.split_once(':'))
            .is_some_and(|(name, _)| {
                !name.is_empty() && name.trim_end().bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
}

/// A final result code (V.250 section 5.7.1, 3GPP TS 27.007 section 9.2, TS 27.005 section 3.2.5).
pub(crate) fn final_result(line: &str) -> Option<Result<(), Refusal>> {
    match line {
        "OK" => return Some(Ok(())),
        "ERROR" => return Some(Err(Refusal::Error)),
        _ => {}
    }
    let (name, value) = line.split_once(':')?;
    let value = value.trim();
    let refusal = match (name.trim_end(), value.parse()) {
        ("+CME ERROR", Ok(code)) => Refusal::Cme(CmeCode(code)),
        // `+CMEE=2` prints the name instead of the number.
        ("+CME ERROR", Err(_)) => Refusal::CmeText(value.to_owned()),
        ("+CMS ERROR", Ok(code)) => Refusal::Cms(CmsCode(code)),
        ("+CMS ERROR", Err(_)) => Refusal::CmsText(value.to_owned()),
        _ => return None,
    };
    Some(Err(refusal))
}
