//! The operations, and why some others can't be.

use std::fmt;

use crate::words::nearest;

/// What the numbers are reduced with. Every one of them is associative and commutative, at least in the
/// form in which it is computed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Sum,
    Product,
    Min,
    Max,
    And,
    Or,
    Xor,
    Count,
    Mean,
    Variance,
    Stddev,
}

impl Op {
    /// In the order in which help lists them; a position is the operation's code in bytes.
    pub(super) const ALL: [Self; 11] = [
        Self::Sum,
        Self::Product,
        Self::Min,
        Self::Max,
        Self::And,
        Self::Or,
        Self::Xor,
        Self::Count,
        Self::Mean,
        Self::Variance,
        Self::Stddev,
    ];

    /// What a job file calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Product => "product",
            Self::Min => "min",
            Self::Max => "max",
            Self::And => "and",
            Self::Or => "or",
            Self::Xor => "xor",
            Self::Count => "count",
            Self::Mean => "mean",
            Self::Variance => "variance",
            Self::Stddev => "stddev",
        }
    }

    /// The operation with this name, or with the field's other word for it.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = match name {
            "add" => "sum",
            "multiply" => "product",
            name => name,
        };
        Self::ALL.into_iter().find(|op| op.name() == name)
    }

    /// The operation's code in bytes.
    pub(super) fn code(self) -> u8 {
        Self::ALL.iter().position(|op| *op == self).unwrap_or(0) as u8
    }

    /// The operation with this code.
    pub(super) fn coded(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// True for the operations on bits, which floats don't have.
    pub(super) fn is_bitwise(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Xor)
    }

    /// True where `ddof` means something.
    pub(super) fn is_spread(self) -> bool {
        matches!(self, Self::Variance | Self::Stddev)
    }

    /// True where an empty input has no answer.
    pub(super) fn needs_items(self) -> bool {
        matches!(self, Self::Min | Self::Max | Self::Mean | Self::Variance | Self::Stddev)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Says why `name` is no operation, and what to do about it: the message and the hint.
pub(super) fn refuse(name: &str) -> (String, String) {
    let example = match name {
        "power" | "pow" | "exponent" | "**" | "^" => "2^1^2 is (2^1)^2 = 4 or 2^(1^2) = 2",
        "subtract" | "sub" | "minus" | "-" => "2-1-2 is (2-1)-2 = -1 or 2-(1-2) = 3, just as 2^1^2 is 4 or 2",
        "divide" | "div" | "/" => "2/1/2 is (2/1)/2 = 1 or 2/(1/2) = 4, just as 2^1^2 is 4 or 2",
        _ => return (format!("{name:?} is not an operation"), suggest(name)),
    };
    (
        format!(
            "{name:?} can't be a reduction: the operation must be associative and commutative, or the answer \
             would depend on how the work is split: {example}, by where the brackets go"
        ),
        format!("operations: {}", names()),
    )
}

/// What an operation is called elsewhere, where that looks nothing like its name here.
const ELSEWHERE: [(Op, &[&str]); 9] = [
    (Op::Sum, &["plus", "+", "total", "addition", "adds"]),
    (Op::Product, &["times", "*", "mul", "prod", "multiplication", "factorial"]),
    (Op::Mean, &["avg", "average", "arithmetic mean"]),
    (Op::Variance, &["var"]),
    (Op::Stddev, &["std", "sd", "stdev", "sigma", "std_dev", "standard deviation"]),
    (Op::Count, &["len", "length", "size", "n", "number"]),
    (Op::Min, &["minimum", "least", "smallest"]),
    (Op::Max, &["maximum", "greatest", "largest"]),
    (Op::And, &["all"]),
];

fn suggest(name: &str) -> String {
    let lower = name.to_lowercase();
    let known = ELSEWHERE.iter().find(|(_, names)| names.contains(&lower.as_str())).map(|(op, _)| op.name());
    match known.or_else(|| nearest(name, Op::ALL.map(Op::name))) {
        Some(op) => format!("did you mean {op:?}? operations: {}", names()),
        None => format!("operations: {}", names()),
    }
}

fn names() -> String {
    Op::ALL.map(Op::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_by_its_name_and_its_code() {
        for op in Op::ALL {
            assert_eq!(Op::named(op.name()), Some(op));
            assert_eq!(Op::coded(op.code()), Some(op));
        }
        assert_eq!(Op::coded(11), None);
    }

    #[test]
    fn power_subtract_and_divide_are_refused_with_the_reason_and_the_counter_example() {
        for name in ["power", "subtract", "divide"] {
            let (message, _) = refuse(name);
            assert!(message.contains("associative and commutative"), "{message}");
            assert!(message.contains("2^1^2"), "{message}");
        }
    }

    #[test]
    fn a_misspelt_operation_is_told_the_nearest_one() {
        assert!(refuse("summ").1.contains("did you mean \"sum\"?"));
        assert!(refuse("SUM").1.contains("did you mean \"sum\"?"));
        for (name, op) in [
            ("avg", "mean"),
            ("Average", "mean"),
            ("std", "stddev"),
            ("var", "variance"),
            ("prod", "product"),
        ] {
            assert!(refuse(name).1.contains(&format!("did you mean {op:?}?")), "{name}");
        }
    }

    #[test]
    fn add_and_multiply_are_words_for_sum_and_product() {
        assert_eq!((Op::named("add"), Op::named("multiply")), (Some(Op::Sum), Some(Op::Product)));
    }
}
