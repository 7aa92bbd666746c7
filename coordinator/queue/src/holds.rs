//! How an invariant is checked: as a condition and the sentence that tells what is wrong where it does not hold.

use alloc::string::String;

/// Nothing, or what is wrong.
pub(crate) type Sound = Result<(), String>;

/// Returns an error with the message unless the condition holds.
macro_rules! holds {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(alloc::format!($($message)+));
        }
    };
}

/// For what our own state rules out: a debug build stops, a release build goes on as well as it can.
macro_rules! cannot_happen {
    ($($message:tt)+) => {
        debug_assert!(false, $($message)+)
    };
}

pub(crate) use {cannot_happen, holds};
