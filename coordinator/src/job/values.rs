//! One parser for each setting, shared by the flags and the job file.

use std::num::{IntErrorKind, NonZeroU32, NonZeroU64, ParseIntError};
use std::str::FromStr;
use std::time::Duration;

use jobs::words::nearest;

use super::units::{ValueError, format_size, parse_duration, parse_size};
use crate::outcome::Reason;
use crate::pool::{BatchSize, Order};

/// More processes than this are a typing mistake.
pub const MOST_WORKERS: u32 = 4_096;

/// Below this a process can't even load its own program.
const LEAST_MEMORY: u64 = 8 << 20;

/// Below this a worker can't hold its links and one input and one output.
const LEAST_OPEN_FILES: u64 = 16;

/// The most tasks in a message that still make sense to ask for.
const LARGEST_BATCH: u32 = 65_536;

/// How many workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// One for each CPU that this process may use: affinity and a cgroup's quota count.
    Auto,
    /// This many.
    Fixed(NonZeroU32),
}

impl Workers {
    /// The number.
    pub fn count(self) -> NonZeroU32 {
        match self {
            Self::Auto => {
                let usable = u32::try_from(num_cpus::get()).unwrap_or(MOST_WORKERS).min(MOST_WORKERS);
                NonZeroU32::new(usable).unwrap_or(NonZeroU32::MIN)
            }
            Self::Fixed(count) => count,
        }
    }
}

/// `auto` or a number of workers.
///
/// # Errors
/// It is neither, or absurd.
pub fn workers(text: &str) -> Result<Workers, ValueError> {
    if text == "auto" {
        return Ok(Workers::Auto);
    }
    let count = whole_or(text, "not a number of workers; for example 4, or auto")?;
    at_most(count, MOST_WORKERS).map(Workers::Fixed)
}

/// `auto` or a number of tasks a message.
///
/// # Errors
/// It is neither, or absurd.
pub fn batch(text: &str) -> Result<BatchSize, ValueError> {
    if text == "auto" {
        return Ok(BatchSize::Auto);
    }
    let count = whole_or(text, "not a number of tasks; for example 16, or auto")?;
    at_most(count, LARGEST_BATCH).map(BatchSize::Fixed)
}

/// The names of the orders.
pub const ORDERS: [&str; 2] = ["input", "completion"];

/// `input` or `completion`.
///
/// # Errors
/// It is neither.
pub fn order(text: &str) -> Result<Order, ValueError> {
    match text {
        "input" => Ok(Order::Input),
        "completion" => Ok(Order::Completion),
        _ => Err(one_of("an order", text, &ORDERS)),
    }
}

/// The name of an order, as [`order`] reads it.
pub fn order_name(order: Order) -> &'static str {
    match order {
        Order::Input => "input",
        Order::Completion => "completion",
    }
}

/// The names of the reasons that an attempt can fail for and a retry makes sense after.
pub const RETRY_REASONS: [&str; 7] = ["error", "panic", "signal", "exit", "timeout", "memory", "protocol"];

/// A reason to try again after.
///
/// # Errors
/// It is none, or `cancelled`.
pub fn retry_reason(text: &str) -> Result<Reason, ValueError> {
    let found = Reason::ALL.into_iter().find(|reason| reason.name() == text);
    match found {
        Some(Reason::Cancelled) | None => {
            Err(one_of("a reason that a task can be tried again after", text, &RETRY_REASONS))
        }
        Some(reason) => Ok(reason),
    }
}

/// A limit in time: longer than nothing.
///
/// # Errors
/// It is no length of time, or none at all.
pub fn time_limit(text: &str) -> Result<Duration, ValueError> {
    match parse_duration(text)? {
        Duration::ZERO => Err(ValueError::new("too short: leave it out for no limit")),
        limit => Ok(limit),
    }
}

/// A worker's address space.
///
/// # Errors
/// It is no amount of memory, or too little for a process.
pub fn memory(text: &str) -> Result<u64, ValueError> {
    let bytes = parse_size(text)?;
    if bytes < LEAST_MEMORY {
        let least = format_size(LEAST_MEMORY);
        return Err(ValueError::new(format!("too little for a process: at least {least}")));
    }
    Ok(bytes)
}

/// An amount that is more than nothing.
///
/// # Errors
/// It is no amount of memory, or nothing.
pub fn size(text: &str) -> Result<u64, ValueError> {
    match parse_size(text)? {
        0 => Err(ValueError::new("too small: at least 1")),
        bytes => Ok(bytes),
    }
}

/// How many files a worker may have open.
///
/// # Errors
/// It is no whole number, or too small for a worker.
pub fn open_files(text: &str) -> Result<u64, ValueError> {
    let count: u64 = whole(text)?;
    if count < LEAST_OPEN_FILES {
        return Err(ValueError::new(format!("too small: at least {LEAST_OPEN_FILES}")));
    }
    Ok(count)
}

/// Seconds of processor time.
///
/// # Errors
/// It is no whole number, or 0.
pub fn cpu_seconds(text: &str) -> Result<u64, ValueError> {
    whole::<NonZeroU64>(text).map(NonZeroU64::get)
}

/// A priority.
///
/// # Errors
/// It is no whole number, or too far from 0.
pub fn priority(text: &str) -> Result<i32, ValueError> {
    let message = || format!("not a priority; for example 0, 10 or -5, within {} and {}", i32::MIN, i32::MAX);
    text.parse().map_err(|_| ValueError::new(message()))
}

/// A whole number that fits `T`.
///
/// # Errors
/// It is something else, or doesn't fit.
pub fn whole<T: FromStr<Err = ParseIntError>>(text: &str) -> Result<T, ValueError> {
    whole_or(text, "not a whole number")
}

fn whole_or<T: FromStr<Err = ParseIntError>>(text: &str, otherwise: &str) -> Result<T, ValueError> {
    text.parse().map_err(|cause: ParseIntError| {
        let negative =
            text.strip_prefix('-').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        ValueError::new(match cause.kind() {
            IntErrorKind::PosOverflow => "too large",
            IntErrorKind::NegOverflow => "too small",
            IntErrorKind::Zero => "too small: at least 1",
            _ if negative && text.len() > 1 => "too small: it can't be negative",
            _ => otherwise,
        })
    })
}

fn at_most(count: NonZeroU32, most: u32) -> Result<NonZeroU32, ValueError> {
    if count.get() > most { Err(ValueError::new(format!("too large: at most {most}"))) } else { Ok(count) }
}

fn one_of(what: &str, text: &str, names: &[&str]) -> ValueError {
    let near = nearest(text, names.iter().copied())
        .map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"));
    ValueError::new(format!("not {what}{near}; known: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_auto_or_a_sensible_number() {
        assert_eq!(workers("auto"), Ok(Workers::Auto));
        assert_eq!(workers("3"), Ok(Workers::Fixed(NonZeroU32::new(3).unwrap())));
        assert_eq!(workers("0").unwrap_err().0, "too small: at least 1");
        assert_eq!(workers("-2").unwrap_err().0, "too small: it can't be negative");
        assert_eq!(workers("4097").unwrap_err().0, "too large: at most 4096");
        assert_eq!(workers("99999999999").unwrap_err().0, "too large");
        assert_eq!(workers("many").unwrap_err().0, "not a number of workers; for example 4, or auto");
        assert!(Workers::Auto.count().get() >= 1);
    }

    #[test]
    fn a_misspelt_name_gets_a_suggestion() {
        let message = order("imput").unwrap_err().0;
        assert_eq!(message, "not an order (did you mean `input`?); known: input, completion");
        let message = retry_reason("Signal").unwrap_err().0;
        assert!(message.contains("did you mean `signal`?"), "{message}");
        assert!(retry_reason("cancelled").is_err());
        assert_eq!(retry_reason("memory"), Ok(Reason::Memory));
    }

    #[test]
    fn the_listed_names_are_the_names_that_are_read() {
        for name in ORDERS {
            assert_eq!(order(name).map(order_name), Ok(name));
        }
        for name in RETRY_REASONS {
            assert_eq!(retry_reason(name).map(Reason::name), Ok(name));
        }
        assert_eq!(RETRY_REASONS.len() + 1, Reason::ALL.len());
    }

    #[test]
    fn limits_that_no_worker_could_live_with_are_refused() {
        assert_eq!(memory("5").unwrap_err().0, "too little for a process: at least 8MiB");
        assert_eq!(open_files("3").unwrap_err().0, "too small: at least 16");
        assert_eq!(time_limit("0s").unwrap_err().0, "too short: leave it out for no limit");
        assert_eq!(cpu_seconds("0").unwrap_err().0, "too small: at least 1");
        assert_eq!(size("0").unwrap_err().0, "too small: at least 1");
    }
}
