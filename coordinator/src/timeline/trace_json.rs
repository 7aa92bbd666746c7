//! Marks as Chrome trace events, which Perfetto and `chrome://tracing` open.
//!
//! The format: <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>. Times are
//! microseconds since the first mark; a worker is a thread, and thread 0 says what limited the run.

use serde_json::json;

use super::lane::Span;
use super::mark::{Counted, Mark};
use crate::output::{Destination, OutputError};
use crate::queue::WorkerId;

/// A write of this many bytes is as good as a larger one.
const FLUSH_AT: usize = 128 << 10;

/// Writes a trace file.
pub(super) struct TraceWriter {
    destination: Destination,
    buffer: String,
    /// The beginning of the run: the zero of the trace.
    zero: u64,
}

impl TraceWriter {
    pub(super) fn new(destination: Destination, job: &str) -> Result<Self, OutputError> {
        let mut buffer = String::from("{\"traceEvents\":[\n");
        let name = json!({"ph": "M", "pid": 1, "name": "process_name", "args": {"name": job}});
        buffer.push_str(&name.to_string());
        let mut writer = Self { destination, buffer, zero: 0 };
        writer.name_thread(0, "what limits the run")?;
        Ok(writer)
    }

    fn name_thread(&mut self, thread: u32, name: &str) -> Result<(), OutputError> {
        self.push(&format!(
            "{{\"ph\":\"M\",\"pid\":1,\"tid\":{thread},\"name\":\"thread_name\",\"args\":{{\"name\":\"{name}\"}}}}"
        ))?;
        self.push(&format!(
            "{{\"ph\":\"M\",\"pid\":1,\"tid\":{thread},\"name\":\"thread_sort_index\",\"args\":{{\"sort_index\":\
             {thread}}}}}"
        ))
    }

    fn push(&mut self, event: &str) -> Result<(), OutputError> {
        self.buffer.push_str(",\n");
        self.buffer.push_str(event);
        if self.buffer.len() >= FLUSH_AT { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        let written = self.destination.write(self.buffer.as_bytes());
        self.buffer.clear();
        written
    }

    /// Ends the file, and says what is in it.
    pub(super) fn finish(mut self, counted: Counted) -> Result<(), OutputError> {
        let Counted { tasks, tasks_kept, lost } = counted;
        let mut notes = vec![
            "a task's beginning is worked out from its end and how long it took; pauses of the run take no time"
                .to_owned(),
        ];
        if tasks_kept < tasks {
            notes.push(format!(
                "sampled: {tasks_kept} of {tasks} tasks are here, all of the first ones and fewer and fewer later"
            ));
        }
        if lost > 0 {
            notes.push(format!("{lost} events came faster than they could be written, and are not here"));
        }
        let about =
            json!({"tasks": tasks, "tasks_recorded": tasks_kept, "events_lost": lost, "notes": notes});
        self.buffer.push_str(&format!("\n],\"displayTimeUnit\":\"ms\",\"otherData\":{about}}}\n"));
        self.flush()?;
        self.destination.finish()
    }

    /// `123.456`: microseconds since the beginning of the trace.
    fn at(&self, nanos: u64) -> String {
        micros(nanos.saturating_sub(self.zero))
    }

    /// A slice on a worker's track; `args` is a JSON object, or nothing.
    fn slice(&mut self, thread: u32, name: &str, span: Span, args: &str) -> Result<(), OutputError> {
        let (start, length) = (self.at(span.start), micros(span.end.saturating_sub(span.start)));
        let args = if args.is_empty() { String::new() } else { format!(",\"args\":{args}") };
        self.push(&format!(
            "{{\"ph\":\"X\",\"pid\":1,\"tid\":{thread},\"ts\":{start},\"dur\":{length},\"name\":\"{name}\"{args}}}"
        ))
    }

    fn instant(&mut self, thread: u32, name: &str, at: u64, args: &str) -> Result<(), OutputError> {
        let at = self.at(at);
        self.push(&format!(
            "{{\"ph\":\"i\",\"s\":\"t\",\"pid\":1,\"tid\":{thread},\"ts\":{at},\"name\":\"{name}\",\"args\":{args}}}"
        ))
    }
}

fn micros(nanos: u64) -> String {
    format!("{}.{:03}", nanos / 1000, nanos % 1000)
}

/// Writes a mark.
pub(super) fn push(mark: &Mark, to: &mut TraceWriter) -> Result<(), OutputError> {
    let thread = WorkerId::number;
    match mark {
        Mark::Zero(at) => {
            to.zero = *at;
            Ok(())
        }
        Mark::Worker(worker) => to.name_thread(worker.number(), &worker.to_string()),
        Mark::Start { worker, span, incarnation, pid } => {
            let name = if *incarnation > 1 { "restart" } else { "start" };
            let args = format!("{{\"pid\":{pid},\"incarnation\":{incarnation}}}");
            to.slice(thread(*worker), name, *span, &args)
        }
        Mark::Sent { worker, at, tasks, first } => {
            let args = format!("{{\"tasks\":{tasks},\"first\":{first}}}");
            to.instant(thread(*worker), "sent", *at, &args)
        }
        Mark::Batch { worker, span, tasks } => {
            to.slice(thread(*worker), "batch", *span, &format!("{{\"tasks\":{tasks}}}"))
        }
        Mark::Task { worker, span, task, attempt } => {
            let args = if *attempt > 1 { format!("{{\"attempt\":{attempt}}}") } else { String::new() };
            to.slice(thread(*worker), &format!("task {task}"), *span, &args)
        }
        Mark::Failed { worker, span, task, attempt, reason, message } => {
            let args = json!({"attempt": attempt, "reason": reason, "message": message}).to_string();
            to.slice(thread(*worker), &format!("task {task}: failed ({reason})"), *span, &args)
        }
        Mark::Wait { worker, span } => to.slice(thread(*worker), "wait", *span, ""),
        Mark::Instant { worker, at, name, detail } => {
            to.instant(thread(*worker), name, *at, &json!({"detail": detail}).to_string())
        }
        Mark::Limit { limit, span } => to.slice(0, limit.name(), *span, ""),
        Mark::Paused { at, nanos } => {
            to.instant(0, "suspended", *at, &json!({"seconds": *nanos as f64 / 1e9}).to_string())
        }
        Mark::Counts(_) => Ok(()),
    }
}
