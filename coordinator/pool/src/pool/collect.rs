//! Deaths and last words.

use nix::errno::Errno;
use protocol::Filled;
use tracing::{debug, info, warn};

use super::death::Evidence;
use super::driver::Driver;
use super::lines::Line;
use super::link::Link;
use super::observe::{Observer, PoolEvent};
use crate::outcome::AttemptRecord;
use crate::supervisor::Exit;
use queue::{Death, Event, Running, Settled, Time, WorkerId};

/// How much printed output is read at once.
const HELPING: usize = 64 * 1024;
/// How many helpings of a dead worker's output and frames are read: all that a pipe or socket can hold.
const LAST_HELPINGS: usize = 64;

impl Driver<'_> {
    /// A process has ended: hears its last words, finds out what it died of, tells the queue.
    pub(super) fn on_death(&mut self, worker: WorkerId) {
        let Some(exit) = self.link(worker).and_then(|link| link.process.exit()) else { return };
        let Some(mut link) = self.take_link(worker) else { return };
        for _ in 0..LAST_HELPINGS {
            let filled = link.fill();
            self.process_frames(&mut link);
            if !matches!(filled, Ok(Filled::Bytes(_))) || link.broke.is_some() {
                break;
            }
        }
        while let Some(event) = self.answers.pop_front() {
            let mut commands = std::mem::take(&mut self.later);
            self.queue.handle(self.now(), event, &mut commands);
            self.later = commands;
        }
        for _ in 0..LAST_HELPINGS {
            if self.print(worker, &mut link) != Printed::Some {
                break;
            }
        }
        let now = self.now();
        link.lines.finish(|line| show(worker, None, line, now, self.observer));
        self.bury(worker, &link, exit);
        if let Some(guard) = &mut self.guard {
            guard.unwatch(&link.process);
        }
        // Here it is reaped, and what it left behind is killed.
        drop(link);
        let later = std::mem::take(&mut self.later);
        self.carry_out(later);
        self.flush_if_much();
    }

    fn bury(&mut self, worker: WorkerId, link: &Link, exit: Exit) {
        let options = self.options;
        let evidence = Evidence {
            exit,
            greeted: link.greeted(),
            refused: link.refused.as_deref(),
            goodbye: link.goodbye,
            killed: link.killed,
            broke: link.broke.as_deref(),
            lines: &link.lines,
            limits: &options.limits,
        };
        let death = evidence.death();
        let pid = link.process.id();
        let (orderly, how) = (death == Death::Orderly, evidence.sentence());
        self.tell(&PoolEvent::Died { worker, orderly, how: &how });
        if orderly {
            debug!(%worker, pid, "ended");
        } else {
            self.last_death = format!("{worker} {how}");
            info!(%worker, pid, "{how}");
        }
        let running = link.running().map(|running| Running {
            task: running.task,
            attempt: running.attempt,
            since: self.clock.at(running.started_nanos),
        });
        let now = self.now();
        let mut decisions = std::mem::take(&mut self.later);
        let unreported = link.unreported();
        self.queue.handle(now, Event::Died { worker, running, unreported, death }, &mut decisions);
        for settled in decisions.tasks.drain(..) {
            let (task, attempt, reason, fate) = match settled {
                Settled::Charged { task, attempt, reason, place: None, fate, .. } => {
                    (task, attempt, reason, fate)
                }
                Settled::Cancelled { task, attempts } => {
                    self.end_cancelled(task, attempts);
                    continue;
                }
                Settled::Accepted { .. } | Settled::Charged { .. } => {
                    self.lose(&settled);
                    continue;
                }
            };
            let since =
                running.filter(|running| running.task == task).map(|running| now.since(running.since));
            let record = AttemptRecord {
                attempt,
                worker: worker.number(),
                pid,
                reason,
                message: evidence.attempt(reason, options.timeout),
                signal: if let Exit::Signal(number) = exit { Some(number) } else { None },
                exit_code: if let Exit::Code(code) = exit { Some(code) } else { None },
                last_lines: evidence.last_lines(task),
                micros: since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX)),
            };
            if let Some(report) = self.reports.get_mut(worker.index()) {
                report.busy += since.unwrap_or_default();
            }
            self.charge(task, record, fate);
        }
        self.later = decisions;
    }

    /// Reads what a worker has printed.
    pub(super) fn read_output(&mut self, worker: WorkerId) {
        let Some(mut link) = self.links.get_mut(worker.index()).and_then(Option::take) else { return };
        if self.print(worker, &mut link) == Printed::End {
            self.unwatch(link.process.output());
        }
        if let Some(place) = self.links.get_mut(worker.index()) {
            *place = Some(link);
        }
    }

    fn print(&mut self, worker: WorkerId, link: &mut Link) -> Printed {
        self.print_buffer.resize(HELPING, 0);
        let read = match nix::unistd::read(link.process.output(), &mut self.print_buffer) {
            Ok(0) => return Printed::End,
            Ok(read) => read,
            Err(Errno::EAGAIN | Errno::EINTR) => return Printed::Nothing,
            Err(_) => return Printed::End,
        };
        let running = link.running();
        let task = running.map(|running| running.task);
        let attempt = running.map(|running| running.attempt);
        let bytes = self.print_buffer.get(..read).unwrap_or_default();
        let (now, observer) = (self.clock.at(protocol::monotonic_nanos()), &mut *self.observer);
        link.lines.feed(task, bytes, |line| show(worker, task.zip(attempt), line, now, observer));
        Printed::Some
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Printed {
    Some,
    Nothing,
    End,
}

/// Workers' lines go to the log, never among the results.
fn show(
    worker: WorkerId,
    running: Option<(protocol::TaskId, u32)>,
    line: Line<'_>,
    now: Time,
    observer: &mut dyn Observer,
) {
    if let Line::Text(line) = line {
        observer.on_event(now, &PoolEvent::Printed { worker, task: running.map(|(task, _)| task), line });
    }
    match (line, running) {
        (Line::Text(text), Some((task, attempt))) => {
            info!(target: "worker", %worker, task = task.0, attempt, "{text}");
        }
        (Line::Text(text), None) => info!(target: "worker", %worker, "{text}"),
        (Line::Silenced, Some((task, attempt))) => {
            warn!(target: "worker", %worker, task = task.0, attempt, "prints too much: the rest of it is not shown");
        }
        (Line::Silenced, None) => {
            warn!(target: "worker", %worker, "prints too much: the rest of it is not shown");
        }
    }
}
