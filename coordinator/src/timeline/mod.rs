//! What happened when: for a trace that can be looked at closely, and in a digest for the report of a run.
//!
//! A worker reports tasks when they have ended, with how long each took; when they began is worked out from
//! that (`Lane`). The pool's thread only notes; writing has a thread of its own.

mod digest;
mod lane;
mod mark;
mod thin;
mod trace;
mod trace_json;

pub use self::digest::{Chronicle, histogram_floor};
pub use self::trace::{TraceEnd, TraceFile};
pub use crate::summary::{Digest, DigestMark};
