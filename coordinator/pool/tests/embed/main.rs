//! The pool as a library, with workers that are this program run again: so it has a `main` of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod cancels;
mod crowds;
mod ends;
mod failures;
mod harness;
mod maps;
mod results;
mod tasks;
mod watching;

const TESTS: &[&[harness::Test]] = &[
    results::TESTS,
    maps::TESTS,
    failures::TESTS,
    cancels::TESTS,
    ends::TESTS,
    watching::TESTS,
    crowds::TESTS,
];

fn main() {
    tasks::worker().serve();
    harness::main(TESTS);
}
