//! The workers of this machine: processes, the links to them, and one wait for all of it.
//!
//! One thread waits for all links, deaths, printed lines and requests (epoll), so that no task is handed from thread to
//! thread on its way. It never blocks on a worker: what it sends is bounded by credit, what it reads is read without
//! waiting.

mod batches;
mod hear;
mod link;
mod output;
mod peer;
mod poll;
mod processes;
mod pulse;
mod start;
mod token;
mod wait;

pub(super) use processes::Local;
