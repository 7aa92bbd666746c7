//! Panics become sentences: what was said, and where.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

thread_local! {
    /// True while this thread runs something whose panic will be caught.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    /// What the hook saw.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes the process's panic hook record what [`catch`] will catch instead of printing it. Panics of other
/// threads go to the hook that was there before.
pub(super) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // A thread that is ending has no such flag any more, and nothing that catches.
            if CATCHING.try_with(Cell::get).unwrap_or(false) {
                record(info);
            } else {
                previous(info);
            }
        }));
    });
}

/// Runs `work`; a panic comes back as `message at file:line`. What `work` was changing may be left half
/// changed: the caller must not go on with it.
#[inline]
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    CATCHING.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(false);
    result.map_err(describe)
}

fn record(info: &PanicHookInfo<'_>) {
    let place = info.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
    let sentence = format!("{}{}", message(info.payload()), place.unwrap_or_default());
    // A panic while another unwinds aborts the process anyway: the first one's sentence is kept.
    let _ = CAUGHT.try_with(|caught| caught.try_borrow_mut().map(|mut caught| *caught = Some(sentence)));
}

/// The hook's sentence, or the bare message where the program has put another hook in its place.
#[cold]
fn describe(payload: Box<dyn Any + Send>) -> String {
    let sentence = CAUGHT.take().unwrap_or_else(|| message(&*payload).to_owned());
    // Dropping a payload may run foreign code that panics again; the process is about to be replaced.
    std::mem::forget(payload);
    sentence
}

fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "a panic without a message"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message_and_place() {
        install_hook();
        let line = line!() + 1;
        let sentence = catch(|| panic!("number {}", 7)).unwrap_err();
        assert_eq!(sentence, format!("number 7 at {}:{line}", file!()));
    }

    #[test]
    fn a_payload_that_panics_in_its_drop_does_no_harm() {
        struct Trap;
        impl Drop for Trap {
            fn drop(&mut self) {
                panic!("sprung");
            }
        }
        install_hook();
        let sentence = catch(|| panic::panic_any(Trap)).unwrap_err();
        assert!(sentence.starts_with("a panic without a message at "), "{sentence}");
    }
}
