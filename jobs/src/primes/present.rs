//! Testing numbers, and what people read of it: the handler, the presenter, and the value between them.

use protocol::{Handler, Task, TaskError};

use super::number::{Number, read_short, write_short};
use super::primality::{FACTOR_LIMIT, Verdict, test};
use crate::{BadValue, Presenter};

/// The first byte of a value. After `NOT_PRIME` the smallest factor may follow, lowest byte first.
const NOT_PRIME: u8 = 0;
const PRIME: u8 = 1;

/// Tests numbers in a worker.
pub(super) struct Tester {
    /// Looks for the smallest factor, too.
    pub(super) factor: bool,
}

impl Handler for Tester {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let number = Number::read(task.payload).map_err(|bad| TaskError::new(bad.0))?;
        match test(number, self.factor)? {
            Verdict::Prime => value.push(PRIME),
            Verdict::NotPrime(factor) => {
                value.push(NOT_PRIME);
                write_short(factor.unwrap_or(0), value);
            }
        }
        Ok(())
    }
}

/// Shows numbers and verdicts.
pub(super) struct NumberPresenter {
    /// Shows the smallest factor, too.
    pub(super) factor: bool,
}

impl NumberPresenter {
    /// Reads a value. A factor that does not divide its number, or is out of reach, is no factor.
    fn verdict(&self, number: Number<'_>, value: &[u8]) -> Result<Verdict, BadValue> {
        let bad = || BadValue("the value is not a verdict on this number".into());
        let (flag, rest) = value.split_first().ok_or_else(bad)?;
        let factor = Some(read_short(rest).ok_or_else(bad)?).filter(|factor| *factor != 0);
        let possible = |factor| match number {
            Number::Small(small) => factor > 1 && factor < small && small % factor == 0,
            Number::Big(_) => factor > 1 && factor < FACTOR_LIMIT,
            Number::Negative(_) => false,
        };
        match (*flag, factor) {
            (PRIME, None) => Ok(Verdict::Prime),
            (NOT_PRIME, None) => Ok(Verdict::NotPrime(None)),
            (NOT_PRIME, Some(factor)) if self.factor && possible(factor) => {
                Ok(Verdict::NotPrime(Some(factor)))
            }
            _ => Err(bad()),
        }
    }
}

impl Presenter for NumberPresenter {
    fn columns(&self) -> &[&'static str] {
        if self.factor { &["number", "prime", "factor"] } else { &["number", "prime"] }
    }

    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
        Number::read(payload)?.print(text);
        Ok(())
    }

    fn value(&self, payload: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
        let number = Number::read(payload)?;
        let verdict = self.verdict(number, value)?;
        json.push_str(r#"{"number":""#);
        number.print(json);
        json.push_str(if verdict == Verdict::Prime { r#"","prime":true"# } else { r#"","prime":false"# });
        match verdict {
            _ if !self.factor => {}
            Verdict::NotPrime(Some(factor)) => {
                json.push_str(r#","factor":""#);
                Number::Small(factor).print(json);
                json.push('"');
            }
            Verdict::NotPrime(None) | Verdict::Prime => json.push_str(r#","factor":null"#),
        }
        json.push('}');
        Ok(())
    }

    fn check(&self, payload: &[u8], value: &[u8]) -> Result<(), BadValue> {
        self.verdict(Number::read(payload)?, value).map(drop)
    }

    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
        let number = Number::read(payload)?;
        let verdict = self.verdict(number, value)?;
        number.print(line);
        line.push_str(match (number, verdict) {
            (Number::Big(_), Verdict::Prime) => " is very probably prime",
            (_, Verdict::Prime) => " is prime",
            (_, Verdict::NotPrime(_)) => " is not prime",
        });
        match (number, verdict) {
            (_, Verdict::NotPrime(Some(factor))) => {
                line.push_str(" (divisible by ");
                Number::Small(factor).print(line);
                line.push(')');
            }
            (Number::Big(_), Verdict::NotPrime(None)) if self.factor => {
                line.push_str(" (no factor below ");
                Number::Small(FACTOR_LIMIT).print(line);
                line.push(')');
            }
            _ => {}
        }
        Ok(())
    }
}
