//! Tables for terminals: columns as wide as their content, whatever the script.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A table with a title line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Titles of the columns.
    pub titles: Vec<String>,
    /// Cells; a row may be shorter than the titles.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(titles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { titles: titles.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// The table as text. A cell wider than `cell_columns` is cut and ends in `…`. Line breaks and
    /// control characters are shown as symbols, so that no log line can move the cursor.
    pub fn render(&self, cell_columns: usize) -> String {
        let lines: Vec<Vec<String>> = std::iter::once(&self.titles)
            .chain(&self.rows)
            .map(|row| row.iter().map(|cell| cut(&visible(cell), cell_columns)).collect())
            .collect();
        let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.width()).max()
            })
            .map(|width| width.unwrap_or(0))
            .collect();
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            push_line(&mut text, line, &widths);
            if index == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
                push_line(&mut text, &rules, &widths);
            }
        }
        text
    }
}

fn push_line(text: &mut String, cells: &[String], widths: &[usize]) {
    let start = text.len();
    for (cell, width) in cells.iter().zip(widths) {
        text.push_str(cell);
        // Two blanks between columns.
        text.push_str(&" ".repeat(width - cell.width() + 2));
    }
    let end = text[start..].trim_end().len();
    text.truncate(start + end);
    text.push('\n');
}

/// Control characters as their symbols (`␊`, `␛`), and characters that turn the direction of text
/// as `�`.
pub fn visible(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(letter)).unwrap_or('\u{fffd}'),
            '\u{7f}' => '\u{2421}',
            '\u{80}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            other => other,
        })
        .collect()
}

/// Cuts a text to a number of terminal columns.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut width = 0;
    for letter in text.chars() {
        let letter_width = letter.width().unwrap_or(0);
        if width + letter_width + 1 > columns {
            break;
        }
        width += letter_width;
        kept.push(letter);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&[&str]]) -> Table {
        let mut rows = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect());
        Table { titles: rows.next().unwrap_or_default(), rows: rows.collect() }
    }

    #[track_caller]
    fn check(rows: &[&[&str]], cell_columns: usize, expected: &str) {
        assert_eq!(table(rows).render(cell_columns), expected);
    }

    #[test]
    fn columns_line_up_in_every_script() {
        check(
            &[&["名称", "n"], &["日志服务", "1"], &["café", "22"]],
            40,
            "名称      n\n────────  ──\n日志服务  1\ncafé      22\n",
        );
    }

    #[test]
    fn long_cells_are_cut_at_a_character() {
        check(&[&["k"], &["abcdefgh"], &["日志日志"]], 5, "k\n─────\nabcd…\n日志…\n");
    }

    #[test]
    fn a_log_line_cannot_move_the_cursor() {
        check(&[&["k"], &["a\x1b[2J\nb\u{202e}"]], 40, "k\n────────\na␛[2J␊b�\n");
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_wider_than_its_columns(cells in proptest::collection::vec("\\PC{0,30}", 1..6), limit in 1_usize..20) {
            let mut table = Table::new(["title"]);
            table.rows = cells.into_iter().map(|cell| vec![cell, "x".into()]).collect();
            for line in table.render(limit).lines() {
                proptest::prop_assert!(line.width() <= limit.max(5) + 3 + 5, "{line}");
            }
        }
    }
}
