//! Tasks that take too long, and tasks that nobody wants any more: both are killed, and nobody else is harmed.
//!
//! `cargo run --example cancel`

use std::time::Duration;

use unhurt::{Error, Pool};

/// Takes this many milliseconds; `None`: for ever.
fn work(millis: Option<u64>) -> String {
    match millis {
        Some(millis) => std::thread::sleep(Duration::from_millis(millis)),
        None => loop {
            std::hint::spin_loop();
        },
    }
    "done".to_owned()
}

fn main() -> Result<(), Error> {
    unhurt::worker().function(work).serve();

    // Every attempt may take half a second, and there are two.
    let pool = Pool::builder().workers(2).timeout(Duration::from_millis(500)).retries(1).function(work)?;

    let endless = pool.submit(None)?;
    let quick: Vec<_> = (0..20).map(|_| pool.submit(Some(1))).collect::<Result<_, _>>()?;
    for handle in &quick {
        assert_eq!(handle.wait()?, "done");
    }
    println!("20 quick tasks are done beside an endless one");

    let unwanted = pool.submit(None)?;
    assert!(unwanted.wait_timeout(Duration::from_millis(20)).is_none(), "it goes on");
    unwanted.cancel();
    match unwanted.wait() {
        Err(error) if error.is_cancelled() => println!("the unwanted task: {error}"),
        other => println!("{other:?}"),
    }

    match endless.wait() {
        Err(error) if error.is_timeout() => {
            println!("the endless task: {error}");
            for attempt in error.history() {
                println!("  attempt {}: {}", attempt.attempt, attempt.message);
            }
        }
        other => println!("{other:?}"),
    }
    assert_eq!(pool.submit(Some(1))?.wait()?, "done");
    Ok(())
}
