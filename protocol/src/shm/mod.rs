//! Memory that two processes share. The only module with `unsafe` code.

#![allow(unsafe_code)]

mod arena;
mod copy;
mod file;
mod free;
mod memory;
mod outbox;
mod page;

pub use arena::{Arena, Extent};
pub(crate) use free::FreeParts;
pub(crate) use memory::{Memory, View};
pub(crate) use outbox::{OutboxMemory, OutboxPages};
pub(crate) use page::Page;
