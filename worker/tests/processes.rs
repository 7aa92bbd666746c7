//! Real worker processes: this program runs itself again as a worker with a kind of its own.

#![expect(clippy::disallowed_methods, reason = "a test is its own supervisor")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic in a test is how it fails")]

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, Stdio};

use protocol::{
    BatchEncoder, Bootstrap, CoordinatorEnd, Filled, FrameReader, FromWorker, Handler, Hello, Limits,
    OutcomeResult, Start, Task, TaskError, TaskId, ToWorker, Why,
};

type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("a_worker_does_its_work_and_exits_with_zero_after_the_pill", works_until_the_pill),
    ("a_worker_is_disposable_and_bears_its_name", is_disposable),
    ("a_worker_keeps_to_its_limits", keeps_to_its_limits),
    ("an_allocation_beyond_the_limit_aborts_with_the_line_that_says_so", aborts_without_memory),
    ("a_kind_that_the_program_lacks_is_refused", refuses_unknown_kinds),
    ("a_worker_ends_when_its_coordinator_lets_go", ends_without_coordinator),
    ("the_worker_program_explains_itself_and_refuses_strange_arguments", refuses_strange_arguments),
];

fn main() -> ExitCode {
    if worker::is_worker_invocation(std::env::args_os()) {
        return worker::run(&["probe"], |_| Ok(Box::new(Probe)));
    }
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    for (name, test) in TESTS.iter().filter(|(name, _)| name.contains(&filter)) {
        test();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

/// Says what its process is like.
struct Probe;

impl Handler for Probe {
    fn run(&mut self, task: &Task<'_>, value: &mut Vec<u8>) -> Result<(), TaskError> {
        let question =
            std::str::from_utf8(task.payload).map_err(|error| TaskError::new(error.to_string()))?;
        match question {
            "stdin" => value.extend(fs::read_link("/proc/self/fd/0").unwrap().as_os_str().as_encoded_bytes()),
            "sockets" => {
                // What a program that this worker starts would find open.
                let listing = Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap();
                let text = String::from_utf8_lossy(&listing.stdout).into_owned();
                value.extend(text.matches("socket:").count().to_string().as_bytes());
            }
            "hog" => value.reserve(8 << 30),
            path => value.extend(fs::read(path).map_err(|error| TaskError::new(error.to_string()))?),
        }
        Ok(())
    }
}

struct Worker {
    child: Child,
    end: CoordinatorEnd,
    reader: FrameReader,
    batches: u64,
}

impl Worker {
    fn spawn(program: &str) -> Self {
        let mut boot = Bootstrap::new().unwrap();
        let child = Command::new(program)
            .args(boot.arguments())
            .stdin(boot.child_stdin().unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut reader = FrameReader::new();
        loop {
            // The stream does not block, and the hello comes when it comes.
            if reader.fill(boot.stream()).unwrap() == Filled::WouldBlock {
                std::thread::yield_now();
            }
            if let Some(frame) = reader.next_frame().unwrap() {
                Hello::decode(frame).unwrap().check().unwrap();
                break;
            }
        }
        let end = boot.accept().unwrap();
        end.stream.set_nonblocking(false).unwrap();
        Self { child, end, reader, batches: 0 }
    }

    fn start(&mut self, kind: &str, limits: Limits) {
        let start = Start { kind, setup: b"", worker: "worker-1", number: 1, incarnation: 1, limits };
        self.end.sender.send(&ToWorker::Start(start).encode().unwrap()).unwrap();
    }

    fn probe(limits: Limits) -> Self {
        let mut worker = Self::spawn("/proc/self/exe");
        worker.start("probe", limits);
        worker.hear(|frame| assert_eq!(frame, FromWorker::Ready));
        worker
    }

    fn send(&mut self, question: &str) {
        let mut encoder = BatchEncoder::new();
        encoder.begin(self.batches);
        assert!(encoder.push(TaskId(self.batches), 1, question.as_bytes()));
        self.end.cell.open(self.batches, 1);
        self.batches += 1;
        self.end.sender.send(encoder.bytes()).unwrap();
    }

    fn ask(&mut self, question: &str) -> String {
        self.send(question);
        self.hear(|frame| {
            let FromWorker::Outcomes(outcomes) = frame else { panic!("{frame:?}") };
            let OutcomeResult::Ok(value) = outcomes.iter().next().unwrap().unwrap().result else { panic!() };
            String::from_utf8(value.to_vec()).unwrap()
        })
    }

    fn pill(&self) {
        self.end.sender.send(&ToWorker::Pill.encode().unwrap()).unwrap();
    }

    fn hear<T>(&mut self, understand: impl FnOnce(FromWorker<'_>) -> T) -> T {
        loop {
            if let Some(frame) = self.reader.next_frame().unwrap() {
                return understand(FromWorker::decode(frame).unwrap());
            }
            assert!(matches!(self.reader.fill(&self.end.stream).unwrap(), Filled::Bytes(_)));
        }
    }
}

fn works_until_the_pill() {
    let mut worker = Worker::probe(Limits::default());
    assert_eq!(worker.ask("stdin"), "/dev/null");
    assert_eq!(worker.ask("sockets"), "0", "no descriptor of the link passes on");
    worker.pill();
    worker.hear(|frame| assert!(matches!(frame, FromWorker::Goodbye { tasks: 2, why: Why::Pill, .. })));
    assert_eq!(worker.child.wait().unwrap().code(), Some(0));
}

fn is_disposable() {
    let mut worker = Worker::probe(Limits::default());
    assert_eq!(worker.ask("/proc/self/comm"), "worker-1\n");
    assert_eq!(worker.ask("/proc/self/oom_score_adj"), "500\n");
    assert_eq!(limit(&worker.ask("/proc/self/limits"), "Max core file size"), "0");
    worker.pill();
    worker.child.wait().unwrap();
}

fn keeps_to_its_limits() {
    let mut worker = Worker::probe(Limits {
        memory: Some(1 << 30),
        cpu_seconds: Some(60),
        open_files: Some(40),
        file_size: Some(4096),
    });
    let limits = worker.ask("/proc/self/limits");
    assert_eq!(limit(&limits, "Max address space"), "1073741824");
    assert_eq!(limit(&limits, "Max cpu time"), "60");
    assert_eq!(limit(&limits, "Max open files"), "40");
    assert_eq!(limit(&limits, "Max file size"), "4096");
    worker.pill();
    worker.child.wait().unwrap();
}

/// The soft limit in a line of `/proc/self/limits`.
fn limit<'a>(limits: &'a str, name: &str) -> &'a str {
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap()
}

fn aborts_without_memory() {
    let mut worker = Worker::probe(Limits { memory: Some(1 << 30), ..Limits::default() });
    worker.send("hog");
    let mut text = String::new();
    worker.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains("memory allocation of ") && text.contains(" bytes failed"), "{text}");
    assert_eq!(worker.child.wait().unwrap().signal(), Some(6));
    assert_eq!(worker.end.cell.running().unwrap().task, TaskId(0), "the cell outlives the worker");
}

fn refuses_unknown_kinds() {
    let mut worker = Worker::spawn(env!("CARGO_BIN_EXE_worker"));
    worker.start("alchemy", Limits::default());
    worker.hear(|frame| {
        let FromWorker::Refused { message } = frame else { panic!("{frame:?}") };
        assert!(message.contains("`alchemy`"), "{message}");
    });
    assert_eq!(worker.child.wait().unwrap().code(), Some(i32::from(worker::EXIT_OK)));
}

fn ends_without_coordinator() {
    let worker = Worker::probe(Limits::default());
    let Worker { mut child, end, .. } = worker;
    drop(end);
    assert_eq!(child.wait().unwrap().code(), Some(i32::from(worker::EXIT_OK)));
}

fn refuses_strange_arguments() {
    let run = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_worker")).args(arguments).stdin(Stdio::null()).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for arguments in [&[][..], &["--help"], &["__worker"], &["__worker", "a", "b"]] {
        let (code, text) = run(arguments);
        assert_eq!((code, text.lines().count()), (i32::from(worker::EXIT_USAGE), 1), "{arguments:?}: {text}");
    }
    let (code, text) = run(&["__worker", "/nowhere"]);
    assert_eq!((code, text.lines().count()), (i32::from(worker::EXIT_LINK), 1), "{text}");
}
