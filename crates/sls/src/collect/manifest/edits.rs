//! Changes of a text, and what a change of the changed text means for the original.
//!
//! A mistake can hide others: only when the first is repaired does a check get as far as the
//! second. So repairs are applied to a copy, the copy is checked again, and what is found there
//! has to be shown in the file that the user has.

use std::ops::Range;

use super::Repair;

/// A text with repairs applied.
#[derive(Debug)]
pub(super) struct Edited {
    /// The text after the repairs.
    pub(super) text: String,
    /// The repairs in the order of the original, without overlaps.
    repairs: Vec<Repair>,
}

impl Edited {
    /// Applies `repairs` to `text`. Of two that overlap the first given wins.
    pub(super) fn new(text: &str, repairs: impl IntoIterator<Item = Repair>) -> Self {
        let mut chosen: Vec<Repair> = Vec::new();
        for repair in repairs {
            if !chosen.iter().any(|other| overlap(&repair.range, &other.range)) {
                chosen.push(repair);
            }
        }
        chosen.sort_by_key(|repair| repair.range.start);
        let mut edited = String::with_capacity(text.len());
        let mut copied = 0;
        for repair in &chosen {
            edited.push_str(&text[copied..repair.range.start]);
            edited.push_str(&repair.text);
            copied = repair.range.end;
        }
        edited.push_str(&text[copied..]);
        Self { text: edited, repairs: chosen }
    }

    /// The place in the original for a place in the edited text. A place that touches a repair
    /// includes what that replaces.
    pub(super) fn original_range(&self, range: &Range<usize>) -> Range<usize> {
        self.grown(range).1
    }

    /// The change of the original that does what `repair` does to the edited text. A change that
    /// touches an earlier repair includes it.
    pub(super) fn original_repair(&self, repair: &Repair) -> Repair {
        let (edited, original) = self.grown(&repair.range);
        let mut text = self.text[edited.clone()].to_owned();
        let within = repair.range.start - edited.start..repair.range.end - edited.start;
        text.replace_range(within, &repair.text);
        Repair { range: original, text }
    }

    /// `range` of the edited text, grown by the repairs it touches, there and in the original.
    fn grown(&self, range: &Range<usize>) -> (Range<usize>, Range<usize>) {
        let mut edited = range.clone();
        // Where the range starts and ends in the original if no repair moves it.
        let (mut start, mut end) = (range.start, range.end);
        let mut shift = 0_isize;
        for repair in &self.repairs {
            let new_start = repair.range.start.wrapping_add_signed(shift);
            let new_end = new_start + repair.text.len();
            shift += repair.text.len() as isize - repair.range.len() as isize;
            if new_end < range.start {
                start = range.start.wrapping_add_signed(-shift);
                end = range.end.wrapping_add_signed(-shift);
            } else if new_start <= range.end {
                if new_start <= range.start {
                    start = repair.range.start;
                    edited.start = edited.start.min(new_start);
                }
                if new_end >= range.end {
                    end = repair.range.end;
                    edited.end = edited.end.max(new_end);
                } else {
                    end = range.end.wrapping_add_signed(-shift);
                }
            }
        }
        (edited, start..end)
    }
}

/// Whether two changes cannot both be made. An insertion at the border of another change could
/// come before or after it, so it counts as overlapping.
fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    if a.is_empty() || b.is_empty() {
        a.start <= b.end && b.start <= a.end
    } else {
        a.start < b.end && b.start < a.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repair(range: Range<usize>, text: &str) -> Repair {
        Repair { range, text: text.to_owned() }
    }

    #[test]
    fn repairs_are_applied_in_place() {
        let edited = Edited::new("ab cd ef", [repair(6..8, "E"), repair(0..2, "alpha")]);
        assert_eq!(edited.text, "alpha cd E");
        let edited = Edited::new("abc", [repair(0..2, "x"), repair(1..3, "y")]);
        assert_eq!(edited.text, "xc");
    }

    #[test]
    fn places_outside_of_repairs_keep_their_text() {
        let original = "ab cd ef";
        let edited = Edited::new(original, [repair(0..2, "alpha"), repair(6..8, "E")]);
        let found = edited.original_range(&(6..8));
        assert_eq!(&edited.text[6..8], "cd");
        assert_eq!(&original[found], "cd");
        assert_eq!(&original[edited.original_range(&(2..4))], "ab");
    }

    #[test]
    fn a_change_beside_a_repair_includes_it_and_one_elsewhere_does_not() {
        let original = r#"["a",b"]"#;
        let edited = Edited::new(original, [repair(5..7, r#" "b""#)]);
        assert_eq!(edited.text, r#"["a", "b"]"#);
        let both = edited.original_repair(&repair(6..6, r#""x", "#));
        assert_eq!(Edited::new(original, [both]).text, r#"["a", "x", "b"]"#);
        let other = edited.original_repair(&repair(1..4, r#""z""#));
        assert_eq!(other, repair(1..4, r#""z""#));
    }

    proptest::proptest! {
        #[test]
        fn a_change_of_the_edited_text_can_be_made_to_the_original(
            original in "[a-d]{12}",
            first in 0_usize..4, first_len in 0_usize..3, first_text in "[x-z]{0,3}",
            second in 6_usize..9, second_len in 0_usize..3, second_text in "[x-z]{0,3}",
            at in 0_usize..12, len in 0_usize..4, text in "[p-r]{0,3}",
        ) {
            let edited = Edited::new(&original, [
                repair(first..first + first_len, &first_text),
                repair(second..second + second_len, &second_text),
            ]);
            let at = at.min(edited.text.len());
            let change = repair(at..(at + len).min(edited.text.len()), &text);
            let mut wanted = edited.text.clone();
            wanted.replace_range(change.range.clone(), &change.text);
            // Repairs that the change does not include are made beside it.
            let all = std::iter::once(edited.original_repair(&change)).chain(edited.repairs.clone());
            proptest::prop_assert_eq!(Edited::new(&original, all).text, wanted);
        }
    }
}
