//! The first of some bytes in a text.
//!
//! What is looked for is hardly ever a hundred bytes away, so this is compiled into its callers: a call of the `memchr` crate, which
//! first finds out what the processor can do, takes longer than such a search.

use wide::u8x16;

const WIDTH: usize = 16;

/// Where the first of these bytes is.
#[inline]
pub(crate) fn first_of<const COUNT: usize>(wanted: [u8; COUNT], text: &[u8]) -> Option<usize> {
    // One bit for each byte of a chunk.
    let places = |chunk: &[u8; WIDTH]| {
        let chunk = u8x16::from(*chunk);
        let each = wanted.map(|byte| chunk.simd_eq(u8x16::splat(byte)));
        each.into_iter()
            .fold(u8x16::default(), |any, places| any | places)
            .to_bitmask()
    };
    let (chunks, rest) = text.as_chunks::<WIDTH>();
    for (number, chunk) in chunks.iter().enumerate() {
        let found = places(chunk);
        if found != 0 {
            return Some(number * WIDTH + found.trailing_zeros() as usize);
        }
    }
    match text.last_chunk() {
        // The beginning of the last chunk has been searched already.
        Some(last) if !rest.is_empty() => {
            let found = places(last);
            (found != 0).then(|| text.len() - WIDTH + found.trailing_zeros() as usize)
        }
        Some(_) => None,
        None => rest.iter().position(|byte| wanted.contains(byte)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_where_a_look_at_each_byte_finds_it(text in proptest::collection::vec(0..20_u8, 0..80)) {
            for wanted in 0..20 {
                let others = [wanted, wanted / 2, 7];
                prop_assert_eq!(first_of([wanted], &text), text.iter().position(|byte| *byte == wanted));
                prop_assert_eq!(first_of(others, &text), text.iter().position(|byte| others.contains(byte)));
            }
        }
    }
}
