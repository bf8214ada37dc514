//! Any text is a query or an error with a place inside the text.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match query::parse(text) {
        Ok(statement) => {
            let mut conditions = 0;
            statement.search.expr.for_each_condition(&mut |condition, _| {
                assert!(text.is_char_boundary(condition.at.byte));
                conditions += 1;
            });
            assert!(conditions <= query::MAX_CONDITIONS);
            // What a query says it is, is the same query again.
            let again = query::parse(&statement.search.text).expect("the search parses alone");
            assert_eq!(again.search.text, statement.search.text);
        }
        Err(error) => {
            let at = error.position().expect("what is no query is so at some place");
            assert!(text.is_char_boundary(at.byte) && at.line >= 1 && at.column >= 1);
            assert!(!error.to_string().is_empty());
        }
    }
});
