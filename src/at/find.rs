//! The first of some bytes in a text.
//!
//! It is usually less than a hundred bytes away. A call of the `memchr` crate asks first what the processor can do, which takes longer than
//! so short a search. This is compiled into its callers, and compares eight bytes at once.

const WIDTH: usize = size_of::<u64>();
/// The lowest bit of each byte, and the highest.
const LOWEST: u64 = u64::from_le_bytes([1; WIDTH]);
const HIGHEST: u64 = u64::from_le_bytes([0x80; WIDTH]);

/// Where the first of these bytes is.
#[inline]
pub fn first_of<const COUNT: usize>(wanted: [u8; COUNT], text: &[u8]) -> Option<usize> {
    let wanted_everywhere = wanted.map(|byte| u64::from(byte) * LOWEST);
    let found_in = |chunk: &[u8; WIDTH]| {
        let chunk = u64::from_le_bytes(*chunk);
        let mut highest = 0;
        for wanted in wanted_everywhere {
            // A byte that equals it is 0 here. The subtraction sets its highest bit; a borrow can set others only in bytes after it.
            let differences = chunk ^ wanted;
            highest |= differences.wrapping_sub(LOWEST) & !differences;
        }
        let found = highest & HIGHEST;
        (found != 0).then(|| found.trailing_zeros() as usize / 8)
    };
    let (chunks, rest) = text.as_chunks();
    for (number, chunk) in chunks.iter().enumerate() {
        if let Some(at) = found_in(chunk) {
            return Some(number * WIDTH + at);
        }
    }
    match text.last_chunk() {
        // The beginning of the last chunk has been searched already.
        Some(last) if !rest.is_empty() => found_in(last).map(|at| text.len() - WIDTH + at),
        Some(_) => None,
        None => rest.iter().position(|byte| wanted.contains(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_where_a_look_at_each_byte_finds_it() {
        // Bytes that differ in their lowest or highest bit only, at every place of texts of every length.
        let bytes = [0, 1, b',', b'-', b'"', b'#', 0x7f, 0x80, 0xac, 0xff];
        let mut text = Vec::new();
        for number in 0..4000_usize {
            text.push(bytes[number * number / 3 % bytes.len()]);
            let text = &text[text.len().saturating_sub(number % 40)..];
            for wanted in bytes {
                let others = [wanted, wanted ^ 1, b'"'];
                assert_eq!(first_of([wanted], text), text.iter().position(|byte| *byte == wanted));
                assert_eq!(
                    first_of(others, text),
                    text.iter().position(|byte| others.contains(byte))
                );
            }
        }
    }
}
