//! From the bytes of a file to the text of a log (`agent` 3.10): GBK becomes UTF-8, and what is no
//! UTF-8 becomes blank where the configuration asks for it.
//!
//! Otherwise the bytes of values go out as they are: the service takes bytes, and stores what is
//! no UTF-8 with replacement characters, so nothing is gained by looking at every line twice.

use encoding_rs::GBK;

/// What is done with the bytes of a record.
#[derive(Clone, Debug, Default)]
pub struct Conversion {
    rule: Rule,
    /// The converted record.
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Rule {
    #[default]
    AsItIs,
    Gbk,
    Blank,
}

impl Conversion {
    /// Bytes stay as they are.
    pub fn none() -> Self {
        Self::default()
    }

    /// GBK, and GB18030 with it, becomes UTF-8. Bytes that are neither become U+FFFD.
    pub fn gbk() -> Self {
        Self { rule: Rule::Gbk, text: Vec::new() }
    }

    /// Bytes that are no UTF-8 become spaces.
    pub fn blank() -> Self {
        Self { rule: Rule::Blank, text: Vec::new() }
    }

    /// Whether records stay as they are.
    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.rule == Rule::AsItIs
    }

    /// The text of a record, and how many of its lines are not what they should be.
    pub(crate) fn text<'a>(&'a mut self, record: &'a [u8]) -> (&'a [u8], u64) {
        self.text.clear();
        match self.rule {
            Rule::AsItIs => (record, 0),
            _ if record.is_ascii() => (record, 0),
            Rule::Gbk => {
                let faults = append_utf8(record, &mut self.text);
                (&self.text, faults)
            }
            Rule::Blank => {
                if std::str::from_utf8(record).is_ok() {
                    return (record, 0);
                }
                for chunk in record.utf8_chunks() {
                    self.text.extend_from_slice(chunk.valid().as_bytes());
                    self.text.resize(self.text.len() + chunk.invalid().len(), b' ');
                }
                (&self.text, 0)
            }
        }
    }
}

/// Converts line by line, so that a fault in one does not reach into the next. Gives the number of
/// lines with a fault.
fn append_utf8(record: &[u8], text: &mut Vec<u8>) -> u64 {
    let mut faults = 0;
    for line in record.split_inclusive(|byte| *byte == b'\n') {
        let mut decoder = GBK.new_decoder_without_bom_handling();
        let mut from = line;
        loop {
            let start = text.len();
            // Enough for any line; the loop is for what cannot be computed.
            let room = decoder.max_utf8_buffer_length(from.len()).unwrap_or(from.len());
            text.resize(start + room, 0);
            let (result, read, written, had_faults) =
                decoder.decode_to_utf8(from, &mut text[start..], true);
            text.truncate(start + written);
            from = &from[read..];
            faults += u64::from(had_faults);
            if result == encoding_rs::CoderResult::InputEmpty {
                break;
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(mut conversion: Conversion, record: &[u8], expected: &str, faults: u64) {
        let (text, found) = conversion.text(record);
        assert_eq!((String::from_utf8_lossy(text).as_ref(), found), (expected, faults));
    }

    #[test]
    fn gbk_becomes_utf8() {
        check(Conversion::gbk(), b"plain", "plain", 0);
        check(Conversion::gbk(), b"\xd6\xd0\xce\xc4 x", "中文 x", 0);
        // A second byte may look like ASCII; four bytes are GB18030.
        check(Conversion::gbk(), b"\x81\x5c|", "乗|", 0);
        check(Conversion::gbk(), b"\x81\x30\x81\x30", "\u{80}", 0);
    }

    #[test]
    fn a_fault_stays_in_its_line() {
        check(
            Conversion::gbk(),
            b"\xd6\xd0\xff\n\xce\xc4\n\xd6\n\xce",
            "中\u{fffd}\n文\n\u{fffd}\n\u{fffd}",
            3,
        );
    }

    #[test]
    fn what_is_no_utf8_becomes_blank_where_that_is_asked_for() {
        check(Conversion::blank(), "é日".as_bytes(), "é日", 0);
        check(Conversion::blank(), b"a\xffb\xe6\x97c", "a b  c", 0);
        let mut none = Conversion::none();
        assert_eq!(none.text(b"\xff"), (&b"\xff"[..], 0));
    }

    proptest! {
        #[test]
        fn what_comes_out_is_utf8_with_the_same_lines(record in prop::collection::vec(
            prop_oneof![Just(b'\n'), 0x30u8..0x40, 0x80u8..=0xff], 0..60,
        )) {
            for mut conversion in [Conversion::gbk(), Conversion::blank()] {
                let (text, _) = conversion.text(&record);
                let text = std::str::from_utf8(text).unwrap();
                let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
                prop_assert_eq!(lines(text.as_bytes()), lines(&record));
            }
        }

        #[test]
        fn text_written_as_gbk_is_read_again(
            text in "[ -~\n\r\t中文日志测试€乕乗亄亅亇\u{4e00}-\u{9fa5}]{0,40}",
        ) {
            let (bytes, _, unmapped) = encoding_rs::GBK.encode(&text);
            prop_assert!(!unmapped);
            let mut conversion = Conversion::gbk();
            prop_assert_eq!(conversion.text(&bytes), (text.as_bytes(), 0));
        }

        /// Whatever the bytes are: line by line what decoding a line alone gives, and bytes of
        /// UTF-8 one by one.
        #[test]
        fn lines_are_converted_as_if_each_were_alone(record in prop::collection::vec(
            prop_oneof![
                Just(b'\n'), Just(0), 0x30u8..0x40, 0x40u8..0x80, 0x80u8..=0xff, 0x81u8..=0xfe,
            ],
            0..60,
        )) {
            let lines = record.split_inclusive(|byte| *byte == b'\n');
            let decoded = lines.map(|line| GBK.decode_without_bom_handling(line));
            let (mut expected, mut faults) = (String::new(), 0);
            for (text, had_faults) in decoded {
                expected.push_str(&text);
                faults += u64::from(had_faults);
            }
            let mut conversion = Conversion::gbk();
            prop_assert_eq!(conversion.text(&record), (expected.as_bytes(), faults));
            let valid = String::from_utf8_lossy(&record).replace('\u{fffd}', "");
            let mut conversion = Conversion::blank();
            let (blank, _) = conversion.text(&record);
            prop_assert_eq!(blank.len(), record.len());
            let is_kept = |(old, new): (&u8, &u8)| old == new || *new == b' ';
            prop_assert!(record.iter().zip(blank).all(is_kept));
            let text = String::from_utf8(blank.to_vec()).unwrap();
            prop_assert_eq!(text.replace(' ', ""), valid.replace(' ', ""));
        }
    }
}
