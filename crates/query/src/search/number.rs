//! Ranges over the numbers in text values.

use crate::parse::{Bound, Number, NumberRange};

/// A range over whole numbers, both ends included. Wide enough to say "beyond every `i64`".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LongRange {
    low: i128,
    high: i128,
}

impl LongRange {
    /// The whole numbers within `range`.
    pub(crate) fn new(range: NumberRange) -> Self {
        // Casting a float beyond the type gives the type's end, which is beyond every `i64` too.
        let low = match range.low {
            Bound::Open => i128::MIN,
            Bound::Included(Number::Int(int)) => int.into(),
            Bound::Included(Number::Float(float)) => float.ceil() as i128,
            Bound::Excluded(Number::Int(int)) => i128::from(int) + 1,
            Bound::Excluded(Number::Float(float)) => (float.floor() as i128).saturating_add(1),
        };
        let high = match range.high {
            Bound::Open => i128::MAX,
            Bound::Included(Number::Int(int)) => int.into(),
            Bound::Included(Number::Float(float)) => float.floor() as i128,
            Bound::Excluded(Number::Int(int)) => i128::from(int) - 1,
            Bound::Excluded(Number::Float(float)) => (float.ceil() as i128).saturating_sub(1),
        };
        Self { low, high }
    }

    /// Whether `value` is a whole number of 64 bits within the range.
    pub(crate) fn holds(&self, value: &str) -> bool {
        value.parse::<i64>().is_ok_and(|int| (self.low..=self.high).contains(&int.into()))
    }
}

/// A range over floating-point numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DoubleRange(NumberRange);

impl DoubleRange {
    pub(crate) fn new(range: NumberRange) -> Self {
        Self(range)
    }

    /// Whether `value` is a finite number within the range.
    pub(crate) fn holds(&self, value: &str) -> bool {
        let Some(number) = Number::parse(value).map(as_float) else { return false };
        let above = match self.0.low {
            Bound::Open => true,
            Bound::Included(low) => number >= as_float(low),
            Bound::Excluded(low) => number > as_float(low),
        };
        above
            && match self.0.high {
                Bound::Open => true,
                Bound::Included(high) => number <= as_float(high),
                Bound::Excluded(high) => number < as_float(high),
            }
    }
}

fn as_float(number: Number) -> f64 {
    match number {
        Number::Int(int) => int as f64,
        Number::Float(float) => float,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{Expr, Test, parse};

    /// Checks `k<range>` against values within and outside it.
    fn check(range: &str, holds: fn(NumberRange, &str) -> bool, within: &[&str], outside: &[&str]) {
        let statement = parse(&format!("k {range}")).expect("a range");
        let Expr::Is(condition) = statement.search.expr else { panic!("one condition") };
        let Test::Within(range) = condition.test else { panic!("a range") };
        for value in within {
            assert!(holds(range, value), "{range:?} holds {value}");
        }
        for value in outside {
            assert!(!holds(range, value), "{range:?} does not hold {value}");
        }
    }

    fn long(range: NumberRange, value: &str) -> bool {
        LongRange::new(range).holds(value)
    }

    fn double(range: NumberRange, value: &str) -> bool {
        DoubleRange::new(range).holds(value)
    }

    #[test]
    fn whole_numbers_are_compared_without_loss() {
        check("> 5", long, &["6", "9223372036854775807"], &["5", "-6", "5.5", "six", ""]);
        check("in [1 10)", long, &["1", "9"], &["0", "10"]);
        check("= 9007199254740993", long, &["9007199254740993"], &["9007199254740992"]);
        check("> 9223372036854775807", long, &[], &["9223372036854775807"]);
        check("> -1000000", long, &["0", "-999999"], &["-1000000", "-", "0x10"]);
    }

    #[test]
    fn a_fraction_bounds_whole_numbers_from_the_right_side() {
        check("> 3.5", long, &["4"], &["3"]);
        check(">= 3.5", long, &["4"], &["3"]);
        check("< -3.5", long, &["-4"], &["-3"]);
        check("> 3.0", long, &["4"], &["3"]);
        check("<= 3.0", long, &["3"], &["4"]);
        check("= 3.5", long, &[], &["3", "4"]);
        check("< 1e300", long, &["9223372036854775807"], &[]);
        check("> 1e300", long, &[], &["9223372036854775807"]);
    }

    #[test]
    fn fractions_are_numbers_and_infinity_is_none() {
        check("in (0.5 2]", double, &["0.51", "1", "2.0", "1e0"], &["0.5", "2.01", "x", ""]);
        check("> 0", double, &["1e308"], &["inf", "NaN", "infinity", "1e999"]);
    }
}
