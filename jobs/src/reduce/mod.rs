//! `reduce`: many numbers become one.
//!
//! Workers read their own slice of the input and send a partial result; the coordinator combines those in a
//! binary tree whose shape depends on the input only, so that the answer has the same bits for any number of
//! workers, any batches, any order and any crashes.
//!
//! **How exact the answer is.** Integers never wrap and are never rounded. The sum, the mean and the variance
//! of floats from a list, from a table, or from arrays of up to 2²⁰ numbers are computed without any error
//! and rounded once (`float::Superaccumulator`, after Neal 2015). Those of larger arrays are compensated
//! (`kernel::floats`, after Ogita, Rump and Oishi 2005): leaves of 2¹⁵ numbers, each summed in 32 lanes with
//! their rounding errors, are combined in twice a double's precision, so that the error is that of a leaf
//! however many there are; `params.exact = true` makes them exact, too. Products of floats are computed to
//! 100 bits with an exponent of their own. NaN and infinities are what IEEE 754 says; `min` and `max` are its
//! `minimum` and `maximum` of 2019: NaN if there is one, and -0 is less than +0. A sum of zero is +0.

mod answer;
mod bytes;
mod csv;
mod dtype;
mod file;
mod float;
mod gather;
mod handler;
mod kernel;
mod op;
mod partial;
mod payload;
mod plan;
mod present;
mod setup;
mod simd;
mod spine;
mod tree;

use protocol::{Handler, TaskError};

use self::handler::Reducer;
use self::plan::Planned;
use self::present::Shown;
use self::setup::Setup;
use self::tree::Tree;
use crate::spec::{JobSpec, SpecErrors};
use crate::{BadValue, Key, Kind, Plan, PlanOptions, Presenter, Section};

/// The kind `reduce`.
pub(crate) struct Reduce;

const KEYS: &[Key] = &[
    Key {
        section: Section::Input,
        name: "values",
        kind: "list of numbers, or of true and false",
        default: None,
        about: "the items themselves; integers may have any size, large ones in quotes",
        example: "[1, 4, 8, 3, 2, 5]",
    },
    Key {
        section: Section::Input,
        name: "range",
        kind: "table of two integers",
        default: None,
        about: "the integers from `from` up to, but not including, `to`",
        example: "{ from = 0, to = 20 }",
    },
    Key {
        section: Section::Input,
        name: "file",
        kind: "path",
        default: None,
        about: "a file of numbers: .npy, .bin, .csv or .tsv; arrays little endian, in C order, of any shape",
        example: "\"numbers.npy\"",
    },
    Key {
        section: Section::Input,
        name: "files",
        kind: "list of paths",
        default: None,
        about: "several files of one format and type, as if they were one",
        example: "[\"a.npy\", \"b.npy\"]",
    },
    Key {
        section: Section::Input,
        name: "glob",
        kind: "pattern",
        default: None,
        about: "all files that match, in the order of their names",
        example: "\"data/**/*.npy\"",
    },
    Key {
        section: Section::Input,
        name: "dtype",
        kind: "type",
        default: None,
        about: "what .bin files hold: bool, i8 to i64, u8 to u64, f16, f32, f64 (required for them)",
        example: "\"i64\"",
    },
    Key {
        section: Section::Input,
        name: "column",
        kind: "name, or number from 1",
        default: Some("the only one"),
        about: "which column of a table to reduce",
        example: "\"price\"",
    },
    Key {
        section: Section::Input,
        name: "header",
        kind: "true or false",
        default: Some("true"),
        about: "whether a table's first line holds the names of its columns",
        example: "false",
    },
    Key {
        section: Section::Input,
        name: "delimiter",
        kind: "one character",
        default: Some("\",\", in .tsv files a tab"),
        about: "what stands between a table's cells",
        example: "\";\"",
    },
    Key {
        section: Section::Params,
        name: "op",
        kind: "operation",
        default: None,
        about: "sum, product, min, max, and, or, xor, count, mean, variance or stddev; add is sum, and multiply product",
        example: "\"sum\"",
    },
    Key {
        section: Section::Params,
        name: "ddof",
        kind: "integer",
        default: Some("0"),
        about: "variance and stddev divide by the count less this: 0 for all there is, 1 for a sample",
        example: "1",
    },
    Key {
        section: Section::Params,
        name: "exact",
        kind: "true or false",
        default: Some("false"),
        about: "sum, mean and variance of more than 2^20 floats without any error, at about half the speed",
        example: "true",
    },
    Key {
        section: Section::Params,
        name: "chunk",
        kind: "integer",
        default: Some("a 64th of the input, within 2^15 to 2^20 numbers (64 KiB to 8 MiB of a table)"),
        about: "numbers a task (bytes, for tables); rounded up to a power of two where rounding depends on it",
        example: "100000",
    },
];

impl Kind for Reduce {
    fn name(&self) -> &'static str {
        "reduce"
    }

    fn about(&self) -> &'static str {
        "combines many numbers into one: sum, product, min, max, mean, variance and more"
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn example(&self) -> &'static str {
        include_str!("../../reduce.toml")
    }

    fn plan(&self, job: &mut JobSpec, _: &PlanOptions) -> Result<Plan, SpecErrors> {
        let Planned { setup, tasks, inputs } = plan::plan(job)?;
        Ok(Plan {
            total: Some(tasks.total()),
            tasks: Box::new(tasks),
            setup: setup.to_bytes(),
            combine: Some(Box::new(Tree::new(setup))),
            inputs,
        })
    }

    fn handler(&self, setup: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
        let setup = Setup::read(setup).map_err(|BadValue(message)| TaskError::new(message))?;
        Ok(Box::new(Reducer::new(setup)))
    }

    fn presenter(&self, setup: &[u8]) -> Result<Box<dyn Presenter>, BadValue> {
        Ok(Box::new(Shown(Setup::read(setup)?)))
    }
}

#[cfg(test)]
mod tests;
