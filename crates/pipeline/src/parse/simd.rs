//! The one place of the crate with `unsafe`: looking at 32 bytes in a few instructions.
//!
//! Fields of a log line are short and of any length, so a search that goes byte by byte or word by
//! word ends at an unpredictable iteration and pays for it each time. Looking at 32 bytes at once
//! ends most searches in the first iteration.
#![allow(unsafe_code, reason = "vector loads have no safe form yet; see the comments at each")]

/// Bytes looked at together.
pub(super) const WIDTH: usize = 32;

/// One bit for each byte that is white space: space, or from tab to carriage return.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn spaces(bytes: &[u8; WIDTH]) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8, _mm_sub_epi8,
    };
    // SAFETY: SSE2 belongs to x86-64. Both loads are of 16 bytes inside the array of 32, and need
    // no alignment.
    unsafe {
        let half = |at: usize| {
            let bytes = _mm_loadu_si128(bytes.as_ptr().add(at).cast::<__m128i>());
            let is_space = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b' '.cast_signed()));
            let from_tab = _mm_sub_epi8(bytes, _mm_set1_epi8(b'\t'.cast_signed()));
            // Unsigned `from_tab <= 4`.
            let is_control = _mm_cmpeq_epi8(_mm_min_epu8(from_tab, _mm_set1_epi8(4)), from_tab);
            _mm_movemask_epi8(_mm_or_si128(is_space, is_control)).cast_unsigned()
        };
        half(0) | half(16) << 16
    }
}

/// One bit for each byte that is not from `low` to `low + span`.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn outside(bytes: &[u8; WIDTH], low: u8, span: u8) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_set1_epi8,
        _mm_sub_epi8,
    };
    // SAFETY: as in `spaces`.
    unsafe {
        let half = |at: usize| {
            let bytes = _mm_loadu_si128(bytes.as_ptr().add(at).cast::<__m128i>());
            let from_low = _mm_sub_epi8(bytes, _mm_set1_epi8(low.cast_signed()));
            let span = _mm_set1_epi8(span.cast_signed());
            let inside = _mm_cmpeq_epi8(_mm_min_epu8(from_low, span), from_low);
            _mm_movemask_epi8(inside).cast_unsigned()
        };
        !(half(0) | half(16) << 16)
    }
}

/// One bit for each byte that ends a plain run of a JSON string: a quote, a backslash or a control
/// character.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn string_ends(bytes: &[u8; WIDTH]) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8,
    };
    // SAFETY: as in `spaces`.
    unsafe {
        let half = |at: usize| {
            let bytes = _mm_loadu_si128(bytes.as_ptr().add(at).cast::<__m128i>());
            let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"'.cast_signed()));
            let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\'.cast_signed()));
            // Unsigned `byte <= 0x1f`.
            let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
            _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)).cast_unsigned()
        };
        half(0) | half(16) << 16
    }
}

/// One bit for each byte that is one of two.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn either(bytes: &[u8; WIDTH], one: u8, other: u8) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };
    // SAFETY: as in `spaces`.
    unsafe {
        let half = |at: usize| {
            let bytes = _mm_loadu_si128(bytes.as_ptr().add(at).cast::<__m128i>());
            let one = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(one.cast_signed()));
            let other = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(other.cast_signed()));
            _mm_movemask_epi8(_mm_or_si128(one, other)).cast_unsigned()
        };
        half(0) | half(16) << 16
    }
}

/// One bit for each byte in which the two differ.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn differing(bytes: &[u8; WIDTH], others: &[u8; WIDTH]) -> u32 {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};
    // SAFETY: as in `spaces`, for both arrays.
    unsafe {
        let half = |at: usize| {
            let bytes = _mm_loadu_si128(bytes.as_ptr().add(at).cast::<__m128i>());
            let others = _mm_loadu_si128(others.as_ptr().add(at).cast::<__m128i>());
            _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, others)).cast_unsigned()
        };
        !(half(0) | half(16) << 16)
    }
}

/// As above, where there are no such instructions: the compiler makes of it what it can.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn spaces(bytes: &[u8; WIDTH]) -> u32 {
    mask(bytes, |byte| byte == b' ' || byte.wrapping_sub(b'\t') <= 4)
}

/// As above.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn outside(bytes: &[u8; WIDTH], low: u8, span: u8) -> u32 {
    mask(bytes, |byte| byte.wrapping_sub(low) > span)
}

/// As above.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn string_ends(bytes: &[u8; WIDTH]) -> u32 {
    mask(bytes, |byte| byte == b'"' || byte == b'\\' || byte < 0x20)
}

/// As above.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn either(bytes: &[u8; WIDTH], one: u8, other: u8) -> u32 {
    mask(bytes, |byte| byte == one || byte == other)
}

/// As above.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn differing(bytes: &[u8; WIDTH], others: &[u8; WIDTH]) -> u32 {
    let mut others = others.iter().rev();
    mask(bytes, |byte| others.next() != Some(&byte))
}

/// Distance from `from` to the first byte with the property that `wide` finds in many and `one`
/// in one byte, or to the end of `text`.
#[inline]
pub(super) fn first_hit(
    text: &[u8],
    from: usize,
    wide: impl Fn(&[u8; WIDTH]) -> u32,
    one: impl Fn(u8) -> bool,
) -> usize {
    let mut at = from;
    while let Some(bytes) = text[at..].first_chunk() {
        let hits = wide(bytes);
        if hits != 0 {
            return at - from + hits.trailing_zeros() as usize;
        }
        at += WIDTH;
    }
    let left = text.len() - at;
    // Near the end of the line: look at its last bytes, the first of them in vain.
    if left > 0
        && let Some(bytes) = text.last_chunk()
    {
        let hits = wide(bytes) >> (WIDTH - left);
        let found = if hits != 0 { hits.trailing_zeros() as usize } else { left };
        return at - from + found;
    }
    at - from + text[at..].iter().position(|byte| one(*byte)).unwrap_or(left)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn mask(bytes: &[u8; WIDTH], mut is_hit: impl FnMut(u8) -> bool) -> u32 {
    bytes.iter().rev().fold(0, |mask, byte| mask << 1 | u32::from(is_hit(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_vectors_see_what_the_bytes_are(
            bytes: [u8; WIDTH],
            same: u32,
            low: u8,
            span: u8,
        ) {
            prop_assert_eq!(
                string_ends(&bytes),
                mask(&bytes, |byte| byte == b'"' || byte == b'\\' || byte < 0x20)
            );
            prop_assert_eq!(
                either(&bytes, low, span),
                mask(&bytes, |byte| byte == low || byte == span)
            );
            let others =
                std::array::from_fn(|at| bytes[at] ^ u8::from(same >> at & 1 == 0));
            prop_assert_eq!(differing(&bytes, &others), !same);
            prop_assert_eq!(
                spaces(&bytes),
                mask(&bytes, |byte| byte == b' ' || (b'\t'..=b'\r').contains(&byte))
            );
            prop_assert_eq!(
                outside(&bytes, low, span),
                mask(&bytes, |byte| byte.wrapping_sub(low) > span)
            );
        }
    }
}
