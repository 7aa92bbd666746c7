//! The kind as a whole; what breaks its process breaks a copy of the test program.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use protocol::{Context, Task, TaskError, TaskErrorKind, TaskId};

use super::Faults;
use crate::Kind;
use crate::testing::{errors, payloads, plan_in, run, run_in};

/// Says what the copy shall do.
const BEHAVIOUR: &str = "FAULTS_TEST_BEHAVIOUR";

fn behave(behaviour: &str, attempt: u32, link: Option<&UnixStream>) -> Result<(), TaskError> {
    let context = Context { worker: "worker-1", link: link.map(AsFd::as_fd) };
    let task = Task { id: TaskId(7), attempt, payload: behaviour.as_bytes(), context };
    Faults.handler(&[]).unwrap().run(&task, &mut Vec::new())
}

#[test]
#[ignore = "the copy of the test program that other tests start"]
fn the_copy_behaves() {
    let behaviour = std::env::var(BEHAVIOUR).expect("started by another test");
    behave(&behaviour, 1, None).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test breaks a copy of itself")]
fn copy(behaviour: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--ignored", "--nocapture", "faults::tests::the_copy_behaves"]);
    command.env(BEHAVIOUR, behaviour);
    command
}

fn outcome(behaviour: &str) -> Output {
    copy(behaviour).output().unwrap()
}

#[test]
fn tasks_are_repeated_and_told_as_they_were_given() {
    let (done, combine) =
        run("kind = \"faults\"\ninput.tasks = [\"ok*9\", \"sleep:0.001\", \"busy:0 * 2\", \"error*0\"]");
    assert!(combine.is_none());
    assert_eq!(done.len(), 12);
    assert_eq!((done[0].json.as_str(), done[0].text.as_str()), (r#"{"ok":true}"#, "ok went well"));
    assert_eq!((done[9].input.as_str(), done[11].input.as_str()), ("sleep:0.001", "busy:0"));
}

#[test]
fn the_example_can_be_planned() {
    let (kind, mut plan) = plan_in(Path::new("."), Faults.example()).unwrap();
    assert!(kind.hidden() && !kind.deterministic());
    assert_eq!(payloads(&mut plan).len(), 40);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let toml = "kind = \"faults\"\n[input]\ntasks = [\"ok\", \"segfalt*3\", \"ok*x\", 5,\n  \"exit\"]\n";
    assert_eq!(
        errors(toml),
        [
            "job.toml:3:16: `input.tasks[1]`: `segfalt` is not a known behaviour\n  did you mean `segfault`?",
            "job.toml:3:29: `input.tasks[2]`: `x` does not say how often: write it like `ok*38`",
            "job.toml:3:37: `input.tasks[3]`: 5 is not text in quotes",
            "job.toml:4:3: `input.tasks[4]`: `exit` needs something after it\n  write it like `exit:3`",
        ]
        .join("\n")
    );
    assert!(errors("kind = \"faults\"").starts_with("job.toml: `input.tasks`: is required"));
    assert!(errors("kind = \"faults\"\ninput.tasks = [\"ok*0\"]").contains("holds no task"));
    let many = u64::MAX;
    assert!(
        errors(&format!("kind = \"faults\"\ninput.tasks = [\"ok*{many}\", \"ok\"]"))
            .contains("holds more than")
    );
}

#[test]
fn errors_and_memory_are_failures_of_their_own() {
    assert_eq!(behave("error", 1, None).unwrap_err().kind, TaskErrorKind::Error);
    assert_eq!(behave("memory:10000000GB", 1, None).unwrap_err().kind, TaskErrorKind::Memory);
    assert!(behave("memory:3MB", 1, None).is_ok());
}

#[test]
fn flaky_tasks_fail_as_often_as_they_are_told_to() {
    let ends: Vec<_> = (1..=4).map(|attempt| behave("flaky:2", attempt, None).is_ok()).collect();
    assert_eq!(ends, [false, false, true, true]);
}

#[test]
fn a_mark_is_left_beside_the_job_file_for_each_attempt() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), "kind = \"faults\"\ninput.tasks = [\"mark:seen.txt*2\"]");
    let seen = std::fs::read_to_string(folder.path().join("seen.txt")).unwrap();
    assert_eq!(seen, "0 1\n1 1\n");
}

#[test]
fn garbage_and_silence_reach_the_other_end_of_the_link() {
    let (near, mut far) = UnixStream::pair().unwrap();
    behave("garbage", 1, Some(&near)).unwrap();
    let mut got = [0; 64];
    far.read_exact(&mut got).unwrap();
    assert_eq!(got, [0xFF; 64]);
    std::thread::scope(|scope| {
        scope.spawn(|| behave("close", 1, Some(&near)).unwrap());
        assert_eq!(far.read(&mut got).unwrap(), 0, "the link is closed");
    });
    assert!(behave("garbage", 1, None).is_err() && behave("close", 1, None).is_err());
}

#[test]
fn deaths_are_the_real_thing() {
    for (behaviour, signal) in [
        ("segfault", Signal::SIGSEGV),
        ("abort", Signal::SIGABRT),
        ("kill", Signal::SIGKILL),
        ("overflow", Signal::SIGABRT),
    ] {
        assert_eq!(outcome(behaviour).status.signal(), Some(signal as i32), "{behaviour}");
    }
    assert_eq!(outcome("exit:3").status.code(), Some(3));
    let panic = outcome("panic");
    assert!(String::from_utf8_lossy(&panic.stderr).contains("this task panics, as it was told to"));
}

#[test]
fn a_stopped_process_goes_on_when_it_is_continued() {
    let mut child = copy("stop").spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert_eq!(stopped, WaitStatus::Stopped(pid, Signal::SIGSTOP));
    kill(pid, Signal::SIGCONT).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn output_has_the_size_that_was_asked_for() {
    let count = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes).lines().filter(|line| line.starts_with("A worker")).count()
    };
    let output = outcome("stdout:79KB");
    assert_eq!((count(&output.stdout), count(&output.stderr)), (1000, 0));
    let output = outcome("stderr:79KB");
    assert_eq!((count(&output.stdout), count(&output.stderr)), (0, 1000));
}

#[test]
fn a_child_outlives_its_task() {
    // The copy leads a group of its own, which is then looked for and put down as a supervisor would.
    use std::os::unix::process::CommandExt;
    let mut child = copy("child").process_group(0).spawn().unwrap();
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
    assert!(child.wait().unwrap().success());
    nix::sys::signal::killpg(group, Signal::SIGKILL).expect("somebody is left in the group");
}

#[test]
fn foreign_payloads_and_values_are_refused() {
    let presenter = Faults.presenter(&[]).unwrap();
    let mut text = String::new();
    assert!(presenter.value(b"ok", b"", &mut text).is_ok());
    assert!(presenter.value(b"ok", b"1", &mut text).is_err());
    assert!(presenter.text(b"okay", b"", &mut text).is_err());
    assert!(presenter.input(b"\xFF", &mut text).is_err());
    assert!(behave("okay", 1, None).is_err());
}
