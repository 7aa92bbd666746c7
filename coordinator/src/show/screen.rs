//! The terminal of the standard error, on which progress is drawn and everything else is written: never both at
//! once, so that nothing is torn.
//!
//! There is one such terminal in a process, so this is one for the process. What is drawn ends with a line feed,
//! and the cursor waits below it: what the terminal echoes (`^C`), and the shell's prompt after a `kill -9`,
//! stand on a line of their own. No mode of the terminal is changed, and the cursor is never hidden.

use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// What is drawn.
static DRAWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Nothing is drawn until the run has been suspended and goes on.
static COVERED: AtomicBool = AtomicBool::new(false);

/// Writes something else: what is drawn is taken away before, and comes back behind it.
pub fn aside<R>(write: impl FnOnce() -> R) -> R {
    let drawn = lock(&DRAWN).clone();
    match drawn {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Takes away what is drawn, since the run is about to be suspended.
pub(crate) fn cover() {
    COVERED.store(true, SeqCst);
    if let Some(bar) = &*lock(&DRAWN) {
        bar.finish_and_clear();
    }
}

/// The run goes on: it may be drawn again.
pub(super) fn uncover() {
    COVERED.store(false, SeqCst);
}

/// Draws on the terminal of the standard error.
pub(super) struct Drawing(ProgressBar);

impl Drawing {
    pub(super) fn start() -> Self {
        let target = ProgressDrawTarget::term_like(Box::new(Terminal::default()));
        let bar = ProgressBar::with_draw_target(None, target);
        // A template without a key that does not exist is well formed.
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        *lock(&DRAWN) = Some(bar.clone());
        Self(bar)
    }

    /// Draws these lines in the place of those before; each must fit the terminal's width.
    pub(super) fn draw(&self, lines: &[String]) {
        if COVERED.load(SeqCst) || is_in_background() {
            return;
        }
        if self.0.is_finished() {
            self.0.reset();
        }
        self.0.set_message(lines.join("\n"));
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        *lock(&DRAWN) = None;
        self.0.finish_and_clear();
    }
}

/// The columns of the terminal; `None` where the standard error is none.
pub(crate) fn width() -> Option<usize> {
    io::stderr().is_terminal().then(|| size().0)
}

/// Columns and rows of the terminal.
pub(super) fn size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
    let or = |number: Option<u16>, default| number.filter(|number| *number > 0).unwrap_or(default).into();
    (or(size.map(|size| size.ws_col), 80), or(size.map(|size| size.ws_row), 24))
}

/// True where the shell has another job in the foreground, whose terminal it is then.
fn is_in_background() -> bool {
    let foreground = rustix::termios::tcgetpgrp(io::stderr());
    foreground.is_ok_and(|group| group != rustix::process::getpgrp())
}

/// The terminal as `indicatif` sees it. A frame leaves in one write; one that can't be written is lost.
#[derive(Debug, Default)]
struct Terminal(Mutex<Frame>);

#[derive(Debug, Default)]
struct Frame {
    bytes: String,
    /// The cursor waits on the line below what is drawn.
    below: bool,
    /// A line has been written, and what fills it up comes next.
    in_line: bool,
}

impl Frame {
    /// Goes to the last line of what is drawn, where `indicatif` believes the cursor to be.
    fn begin(&mut self) -> &mut String {
        if std::mem::take(&mut self.below) {
            self.bytes.push_str("\r\x1b[2K\x1b[1A");
        }
        &mut self.bytes
    }

    /// Lines and what fills them up to the terminal's width come in turns; instead of the blanks, the line
    /// ends: a line that is full would wrap where the terminal becomes narrower.
    fn write(&mut self, text: &str) {
        self.begin();
        self.in_line = !self.in_line;
        self.bytes.push_str(if self.in_line { text } else { "\r\n" });
    }

    /// The frame is complete.
    fn end(&mut self) -> String {
        // Nothing but blank lines are left where nothing was written.
        self.below = self.bytes.ends_with("\r\n");
        self.in_line = false;
        std::mem::take(&mut self.bytes)
    }

    fn step(&mut self, lines: usize, direction: char) {
        if lines > 0 {
            self.begin().push_str(&format!("\x1b[{lines}{direction}"));
        }
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        u16::try_from(size().0).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(size().1).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        lock(&self.0).step(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        lock(&self.0).step(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        lock(&self.0).step(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        lock(&self.0).step(n, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        lock(&self.0).begin().push_str(&format!("{text}\r\n"));
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        lock(&self.0).write(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        lock(&self.0).begin().push_str("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let frame = lock(&self.0).end();
        // A terminal that has gone is no reason to end.
        let _ = io::stderr().write_all(frame.as_bytes());
        Ok(())
    }
}

/// The standard output, for results; where it is a terminal, what is drawn makes room.
#[derive(Debug)]
pub(crate) struct Stdout {
    terminal: bool,
}

impl Stdout {
    pub(crate) fn new() -> Self {
        Self { terminal: io::stdout().is_terminal() }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let write = || {
            let mut out = io::stdout();
            out.write_all(bytes).and_then(|()| out.flush())
        };
        if self.terminal { aside(write) } else { write() }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// The standard error, for messages and log lines; what is drawn makes room.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        aside(|| io::stderr().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        aside(|| io::stderr().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws as `indicatif` does: clears `before` lines, then writes lines with what fills them up.
    fn draw(frame: &mut Frame, screen: &mut vt100::Parser, before: usize, lines: &[&str]) {
        frame.step(before.saturating_sub(1), 'A');
        for line in 0..before {
            frame.begin().push_str("\r\x1b[2K");
            if line + 1 < before {
                frame.step(1, 'B');
            }
        }
        frame.step(before.saturating_sub(1), 'A');
        for line in lines {
            frame.write(line);
            frame.write("   ");
        }
        screen.process(frame.end().as_bytes());
    }

    fn shown(screen: &vt100::Parser) -> String {
        screen.screen().contents().trim_end().to_owned()
    }

    #[test]
    fn frames_replace_each_other_and_leave_nothing() {
        let mut screen = vt100::Parser::new(5, 20, 0);
        let mut frame = Frame::default();
        draw(&mut frame, &mut screen, 0, &["one", "two"]);
        assert_eq!((shown(&screen).as_str(), screen.screen().cursor_position()), ("one\ntwo", (2, 0)));
        draw(&mut frame, &mut screen, 2, &["only"]);
        assert_eq!(shown(&screen), "only");
        // What the terminal echoes is taken away too.
        screen.process(b"^C");
        draw(&mut frame, &mut screen, 1, &["a", "b", "c"]);
        assert_eq!(shown(&screen), "a\nb\nc");
        draw(&mut frame, &mut screen, 3, &[]);
        assert_eq!((shown(&screen).as_str(), screen.screen().cursor_position()), ("", (0, 0)));
    }

    #[test]
    fn frames_at_the_bottom_of_the_terminal_scroll_it() {
        let mut screen = vt100::Parser::new(4, 20, 10);
        let mut frame = Frame::default();
        screen.process(b"1\r\n2\r\n3\r\n4\r\n");
        draw(&mut frame, &mut screen, 0, &["x", "y"]);
        assert_eq!(shown(&screen), "4\nx\ny");
        draw(&mut frame, &mut screen, 2, &["z", "w"]);
        assert_eq!(shown(&screen), "4\nz\nw");
    }
}
