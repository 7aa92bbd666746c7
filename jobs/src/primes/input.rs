//! `[input]`: exactly one of `numbers`, `range` and `file`.

use std::ops::Range;

use protocol::Payloads;

use super::file;
use super::number::Number;
use crate::ItemsFrom;
use crate::lines::LineTasks;
use crate::spec::{Item, JobSpec, SpecError, SpecErrors};

/// Where the numbers come from.
pub(super) enum Source {
    /// They stand in the job file, and here as payloads.
    Numbers(Payloads),
    /// From the first up to, but not including, the second; never empty; at most to 2⁶⁴.
    Range(Range<u128>),
    /// A file or the standard input, one a line.
    Lines(LineTasks),
}

/// One past the largest number of a range.
const RANGE_END: u128 = 1 << 64;

/// Reads the one source there is; `None` where something is wrong, with what is wrong in `errors`. `items`
/// take the place of what the job file says.
pub(super) fn source(
    job: &mut JobSpec,
    items: Option<&ItemsFrom>,
    errors: &mut SpecErrors,
) -> Option<Source> {
    let given: Vec<_> = ["numbers", "range", "file"]
        .into_iter()
        .filter_map(|key| Some((key, job.input.take(key)?)))
        .collect();
    if let Some(items) = items {
        let lines = file::numbers(items).map_err(|problem| crate::lines::refuse(items, &problem));
        return errors.keep(lines).map(Source::Lines);
    }
    let Some((first, _)) = given.first() else {
        errors.push(SpecError {
            hint: Some("for example: numbers = [2, 36, 101]; or range = { from = 0, to = 100 }; or file = \"numbers.txt\"".into()),
            ..job.input.error("", "needs one of `numbers`, `range` and `file`")
        });
        return None;
    };
    for (_, item) in given.iter().skip(1) {
        errors.push(SpecError {
            hint: Some("keep one of them; several lists are several jobs".into()),
            ..item.error(format!("stands beside `input.{first}`"))
        });
    }
    let mut sources = given.into_iter().map(|(key, item)| match key {
        "numbers" => numbers(item, errors).map(Source::Numbers),
        "range" => range(item, errors).map(Source::Range),
        _ => errors.keep(numbers_of_file(&item, job)).map(Source::Lines),
    });
    // All of them are read, for what else may be wrong.
    let first = sources.next().flatten();
    sources.for_each(drop);
    first
}

fn numbers(item: Item, errors: &mut SpecErrors) -> Option<Payloads> {
    let nothing = SpecError {
        hint: Some("for example: numbers = [2, 36, 101]".into()),
        ..item.error("is an empty list: there is nothing to do")
    };
    let mut payloads = Payloads::new();
    for item in errors.keep(item.into_list())? {
        match Number::from_item(&item) {
            Ok(number) => payloads.push_with(|bytes| number.write(bytes)),
            Err(error) => errors.push(error),
        }
        if errors.are_enough() {
            break;
        }
    }
    if payloads.is_empty() && errors.0.is_empty() {
        errors.push(nothing);
    }
    Some(payloads)
}

fn range(item: Item, errors: &mut SpecErrors) -> Option<Range<u128>> {
    let whole = item.clone();
    let mut table = errors.keep(item.into_table())?;
    let mut bound = |key: &str| {
        let Some(item) = table.take(key) else {
            errors.push(SpecError {
                hint: Some("for example: range = { from = 0, to = 100 }".into()),
                ..table.error(key, "is required")
            });
            return None;
        };
        errors.keep(
            item.number::<u128>()
                .and_then(|bound| match bound {
                    0..=RANGE_END => Ok(bound),
                    _ => Err(item.error(format!("{bound} is too large"))),
                })
                .map_err(|error| SpecError {
                    hint: Some("a range lies between 0 and 2^64 = \"18446744073709551616\"".into()),
                    ..error
                }),
        )
    };
    let (from, to) = (bound("from"), bound("to"));
    errors.append(table.unknown_keys());
    let range = from?..to?;
    if range.is_empty() {
        let (fault, hint) = match range.start == range.end {
            true => ("is empty", "`to` itself is not part of the range: make it larger"),
            false => ("ends before it begins", "swap `from` and `to`"),
        };
        errors.push(SpecError { hint: Some(hint.into()), ..whole.error(fault) });
        return None;
    }
    Some(range)
}

fn numbers_of_file(item: &Item, job: &JobSpec) -> Result<LineTasks, SpecError> {
    let path = job.resolve(item.text()?);
    file::numbers(&ItemsFrom::File(path.clone())).map_err(|problem| SpecError {
        hint: Some("a relative path starts at the job file's folder".into()),
        ..item.error(format!("{}: {problem}", path.display()))
    })
}
