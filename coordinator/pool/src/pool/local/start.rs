//! Starting a worker, and what it is told first.

use std::io;

use protocol::{Limits, Start as StartMessage};

use super::link::Link;
use crate::pool::{PoolOptions, Work};
use crate::supervisor::Program;
use queue::WorkerId;

/// How workers are started.
pub(super) struct Start<'a> {
    pub(super) options: &'a PoolOptions,
    work: &'a Work,
    program: Program,
}

impl<'a> Start<'a> {
    pub(super) fn new(options: &'a PoolOptions, work: &'a Work) -> Self {
        let program = options.worker_program.clone().map_or(Program::Itself, Program::Path);
        Self { options, work, program }
    }

    pub(super) fn start(&self, worker: WorkerId, incarnation: u32) -> io::Result<Link> {
        Link::start(&self.program, worker, incarnation)
    }

    /// What a worker is told first, once it has greeted.
    pub(super) fn message<'s>(
        &'s self,
        worker: WorkerId,
        name: &'s str,
        incarnation: u32,
    ) -> StartMessage<'s> {
        let limits = &self.options.limits;
        StartMessage {
            kind: &self.work.kind,
            setup: &self.work.setup,
            worker: name,
            number: worker.number(),
            incarnation,
            limits: Limits {
                memory: limits.memory,
                cpu_seconds: limits.cpu_seconds,
                open_files: limits.open_files,
                file_size: limits.file_size,
            },
        }
    }
}
