//! The kinds of work: how a job is split into tasks (*plan*), how one task is done (*run*), and how results
//! combine (*combine*).
//!
//! Adding a kind touches this crate only: one module, one line in [`registry`], one job file.

mod command;
mod faults;
pub mod images;
mod kind;
mod lines;
mod pi;
mod primes;
mod reduce;
mod size;
mod sleep;
pub mod spec;
#[cfg(test)]
mod testing;
mod text_kind;

pub use kind::{
    BadValue, Combine, ItemsFrom, Key, Kind, Outputs, Plan, PlanError, PlanOptions, Presenter, Section,
    Setup, Tasks,
};
pub use text_kind::{TextFunction, TextKind};

/// All the kinds, in the order in which `kinds` lists them.
pub fn registry() -> &'static [&'static dyn Kind] {
    &[
        &primes::Primes,
        &reduce::Reduce,
        &images::Images,
        &command::Command,
        &pi::Pi,
        &sleep::Sleep,
        &faults::Faults,
    ]
}

/// The kind with this name.
pub fn find(name: &str) -> Option<&'static dyn Kind> {
    registry().iter().copied().find(|kind| kind.name() == name)
}
