//! What is seen of a run while it goes: in terminals of several sizes, in pipes, and where nobody looks.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::{Place, Session, wait_until};

const CTRL_C: u8 = 0x03;
const CTRL_Z: u8 = 0x1a;

/// Workers that sleep, print, fail and crash, for a few seconds.
fn job(place: &Place) -> String {
    let tasks = ["sleep:0.3*9", "stderr:200KB", "segfault", "sleep:0.2*9", "error*2"];
    place.faults(&tasks, "workers = 3\nretries = 1\norder = \"completion\"").display().to_string()
}

/// How many tasks that is.
const TASKS: usize = 22;

/// What a terminal of this size shows after all of this, scrolled-off lines included; fails where a line of
/// the progress has wrapped on the way.
fn shown(seen: &str, (columns, rows): (u16, u16)) -> Vec<String> {
    let mut screen = vt100::Parser::new(rows, columns, 1000);
    for piece in seen.split_inclusive('\n') {
        screen.process(piece.as_bytes());
        let contents: Vec<String> = screen.screen().rows(0, columns).collect();
        let wrapped = (0..rows).zip(&contents).filter(|(row, _)| screen.screen().row_wrapped(*row));
        for (_, line) in wrapped {
            assert!(!is_progress(line), "it wraps: {line:?}\nin {contents:#?}");
        }
    }
    lines(&mut screen)
}

/// A line of the progress, or what is left of one.
fn is_progress(line: &str) -> bool {
    line.contains(['\u{2501}', '\u{254c}']) || line.contains("/22") || line.contains("worker-")
}

/// All lines of a screen that are not blank, from the first one that was scrolled off.
fn lines(screen: &mut vt100::Parser) -> Vec<String> {
    let (rows, columns) = screen.screen().size();
    screen.screen_mut().set_scrollback(usize::MAX);
    let mut lines = Vec::new();
    loop {
        let back = screen.screen().scrollback();
        let take = if back == 0 { usize::from(rows) } else { 1 };
        lines.extend(screen.screen().rows(0, columns).take(take));
        if back == 0 {
            break;
        }
        screen.screen_mut().set_scrollback(back - 1);
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

fn is_result(line: &str) -> bool {
    line.contains("went well") || line.contains("failed (")
}

#[test]
fn progress_never_wraps_and_leaves_nothing_behind() {
    for size in [(80, 24), (40, 10)] {
        let place = Place::new();
        let job = job(&place);
        let arguments = ["-q", "run", &job, "--progress", "full", "--color", "always"];
        let (status, seen) = Session::start_sized(&place, size, &[], &arguments).finish(&place);
        assert_eq!(status.code(), Some(1), "{seen}");
        assert!(seen.contains("/22") && seen.contains("worker-3"), "{seen}");
        let at_work = |line: &str| line.contains("worker-") && line.contains("sleep:0.");
        assert!(seen.lines().any(at_work), "nobody is seen at work in {seen}");
        let lines = shown(&seen, size);
        assert!(!lines.iter().any(|line| is_progress(line)), "left behind in {lines:#?}");
        assert_eq!(lines.iter().filter(|line| is_result(line)).count(), TASKS, "{lines:#?}");
    }
}

#[test]
fn log_lines_stand_between_the_results_and_are_whole() {
    let place = Place::new();
    let job = job(&place);
    let arguments = ["-v", "run", &job, "--progress", "always"];
    let session = Session::start_sized(&place, (200, 50), &[("RUST_LOG", "info")], &arguments);
    let (_, seen) = session.finish(&place);
    let mut screen = vt100::Parser::new(50, 200, 20_000);
    screen.process(seen.as_bytes());
    let lines = lines(&mut screen);
    let bars: Vec<_> = lines.iter().filter(|line| line.contains(['\u{2501}', '\u{254c}'])).collect();
    assert!(bars.is_empty(), "{bars:#?}");
    let results = lines.iter().filter(|line| line.starts_with("worker-") && is_result(line));
    assert_eq!(results.count(), TASKS, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains(" INFO ")), "{lines:#?}");
}

#[test]
fn ctrl_c_leaves_no_bar_behind() {
    let place = Place::new();
    let job = place.faults(&["sleep:0.3*100"], "workers = 2").display().to_string();
    let mut session = Session::start(&place, &["-q", "run", &job, "--progress", "always", "--store", "none"]);
    wait_until("the bar", || session.seen().contains("/100"));
    session.press(CTRL_C);
    let (status, seen) = session.finish(&place);
    assert_eq!(status.code(), Some(130), "{seen}");
    let lines = shown(&seen, (80, 24));
    let known = |line: &String| {
        is_result(line) || line.contains("Ctrl-C again") || line.contains("no outcome") || line == "at once"
    };
    assert!(lines.iter().all(known), "left behind in {lines:#?}");
}

#[test]
fn a_run_that_is_suspended_takes_its_bar_away_and_draws_it_again() {
    let place = Place::new();
    let job = place.faults(&["sleep:0.2*20"], "workers = 2").display().to_string();
    let mut session = Session::start(&place, &["-q", "run", &job, "--progress", "always"]);
    wait_until("the bar", || session.seen().contains("/20"));
    session.press(CTRL_Z);
    let pid = session.pid();
    let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    wait_until("the stop", || state().contains(") T "));
    let mut screen = vt100::Parser::new(24, 80, 100);
    screen.process(&session.bytes());
    assert!(!screen.screen().contents().contains("/20"), "{}", screen.screen().contents());
    let before = session.bytes().len();
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGCONT).unwrap();
    wait_until("the bar again", || session.seen().get(before..).is_some_and(|seen| seen.contains("/20")));
    let (status, seen) = session.finish(&place);
    assert_eq!(status.code(), Some(0), "{seen}");
    assert!(shown(&seen, (80, 24)).iter().all(|line| is_result(line)), "{seen}");
}

#[test]
fn a_kill_leaves_the_cursor_on_a_line_of_its_own() {
    let place = Place::new();
    let job = place.faults(&["hang*4"], "workers = 2").display().to_string();
    let session = Session::start(&place, &["run", &job, "--progress", "full"]);
    wait_until("the bar", || session.seen().contains("worker-2"));
    kill(Pid::from_raw(i32::try_from(session.pid()).unwrap()), Signal::SIGKILL).unwrap();
    let (_, seen) = session.finish_killed();
    let mut screen = vt100::Parser::new(24, 80, 100);
    screen.process(seen.as_bytes());
    assert!(!screen.screen().hide_cursor());
    let (row, column) = screen.screen().cursor_position();
    let line = screen.screen().rows(0, 80).nth(row.into()).unwrap();
    assert_eq!((column, line.trim()), (0, ""), "{}", screen.screen().contents());
}

#[test]
fn elsewhere_than_on_a_terminal_nothing_is_drawn() {
    let place = Place::new();
    let job = job(&place);
    // A pipe: plain lines, and no escape sequence.
    let piped = place.run(&["run", &job, "--progress", "always"]).expect_code(1);
    assert!(piped.stderr.contains(" of 22 tasks done ("), "{}", piped.stderr);
    assert!(!piped.stderr.contains('\u{1b}') && !piped.stdout.contains('\u{1b}'), "{}", piped.stderr);
    let never = place.run(&["run", &job, "--progress", "never"]).expect_code(1);
    assert!(!never.stderr.contains("tasks done"), "{}", never.stderr);
    // By default a short run says nothing before its end.
    let short = place.faults(&["ok*3"], "workers = 1").display().to_string();
    let quiet = place.run(&["run", &short]).expect_code(0);
    assert!(!quiet.stderr.contains("tasks done"), "{}", quiet.stderr);
}

#[test]
fn a_terminal_that_can_not_move_its_cursor_gets_plain_lines() {
    let place = Place::new();
    let job = job(&place);
    for variables in [[("TERM", "dumb")], [("TERM", "")]] {
        let arguments = ["-q", "run", &job, "--progress", "full"];
        let (status, seen) = Session::start_sized(&place, (80, 24), &variables, &arguments).finish(&place);
        assert_eq!(status.code(), Some(1), "{seen}");
        assert!(seen.contains(" of 22 tasks done (") && !seen.contains("\u{1b}[2K"), "{seen:?}");
    }
}

#[test]
fn no_color_draws_without_colours() {
    let place = Place::new();
    let job = job(&place);
    let arguments = ["-q", "run", &job, "--progress", "full"];
    let plain = Session::start_sized(&place, (80, 24), &[("NO_COLOR", "1")], &arguments).finish(&place).1;
    assert!(
        plain.contains("/22") && !plain.contains("\u{1b}[32m") && !plain.contains("\u{1b}[2m"),
        "{plain:?}"
    );
    let colourful = Session::start_sized(&place, (80, 24), &[], &arguments).finish(&place).1;
    assert!(colourful.contains("\u{1b}[32m"), "{colourful:?}");
}

#[test]
fn a_closed_standard_error_is_no_reason_to_fail() {
    let place = Place::new();
    let job = place.faults(&["sleep:0.4*4"], "workers = 2").display().to_string();
    let script = format!("exec \"$0\" run {job} --progress always --store none 2>&-");
    let closed = place.run_prepared(place.command_through(&["sh", "-c", &script], &[])).expect_code(0);
    assert_eq!(closed.stdout.lines().count(), 4, "{}", closed.stdout);
    // A pipe whose reader has gone.
    let mut command = place.command(&["run", &job, "--progress", "always", "--store", "none"]);
    command.stderr(Stdio::from(broken_pipe()));
    assert_eq!(place.run_prepared(command).expect_code(0).stdout.lines().count(), 4);
}

/// A pipe that nobody reads.
fn broken_pipe() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}
