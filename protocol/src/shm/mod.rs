//! Memory that two processes share. The only module with `unsafe` code.

#![allow(unsafe_code)]

mod arena;
mod memory;
mod page;

pub use arena::{Arena, Extent};
pub(crate) use memory::{Memory, View};
pub(crate) use page::Page;
