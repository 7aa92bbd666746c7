//! Numbers that stand in the job file itself.

use num_bigint::BigInt;

use super::input::Input;
use crate::reduce::op::Op;
use crate::reduce::payload;
use crate::spec::{Item, SpecError, SpecErrors};

/// A number of more bytes (about 19,000 digits) does not stand in a job file.
const MAX_NUMBER: u64 = 8 << 10;

/// `values = [1, 2.5, "12345678901234567890"]`.
pub(super) fn values(item: Item, op: Option<Op>) -> Result<Input, SpecErrors> {
    let mut errors = SpecErrors::default();
    let mut values = Vec::with_capacity(item.len());
    let mut first_sort = None;
    for item in item.into_list()? {
        let is_bool = item.is_bool();
        if *first_sort.get_or_insert(is_bool) != is_bool {
            errors.push(SpecError {
                hint: Some("give either numbers or true and false".into()),
                ..item.error(format!("{} does not go together with the values before it", item.describe()))
            });
            continue;
        }
        match value(&item, op) {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    errors.into_result()?;
    Ok(Input::Items(values.into()))
}

fn value(item: &Item, op: Option<Op>) -> Result<payload::Item, SpecError> {
    if item.is_bool() {
        return item.bool().map(payload::Item::Bool);
    }
    if item.is_float() {
        if let Some(op) = op.filter(|op| op.is_bitwise()) {
            return Err(
                item.error(format!("{} has no bits that {op} could combine; give integers", item.describe()))
            );
        }
        return item.float().map(payload::Item::Float);
    }
    let wrong = || SpecError {
        hint: Some("values are integers, numbers with a fraction, or true and false".into()),
        ..item.error(format!("{} is not a number", item.describe()))
    };
    let number: BigInt = item.integer().map_err(|_| wrong())?.parse().map_err(|_| wrong())?;
    if number.bits() > MAX_NUMBER * 8 {
        return Err(item.error("has too many digits for a job file; put it into a .csv file"));
    }
    Ok(payload::Item::Integer(number))
}

/// `range = { from = 0, to = 20 }`.
pub(super) fn range(item: Item) -> Result<Input, SpecErrors> {
    let mut table = item.into_table()?;
    let mut errors = SpecErrors::default();
    let (from, to) = (bound(&mut table, "from", &mut errors), bound(&mut table, "to", &mut errors));
    errors.0.extend(table.unknown_keys().0);
    let (Some((_, from)), Some((to_item, to))) = (from, to) else { return Err(errors) };
    if to < from {
        errors.push(SpecError {
            hint: Some("the range is half open: { from = 0, to = 20 } is 0 to 19".into()),
            ..to_item.error(format!("{to} is below from = {from}"))
        });
    }
    errors.into_result()?;
    Ok(Input::Range { from, to })
}

fn bound(table: &mut crate::spec::Table, key: &str, errors: &mut SpecErrors) -> Option<(Item, i64)> {
    let Some(item) = table.take(key) else {
        errors.push(table.error(key, "is required: a range is { from = 0, to = 20 }"));
        return None;
    };
    match item.number() {
        Ok(number) => Some((item, number)),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}
