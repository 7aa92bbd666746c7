//! The store as its users see it.

mod carrying;
mod claiming;
mod damage;
mod exporting;
mod listing;
mod opening;
mod pruning;
mod reading;
mod support;
mod writing;
