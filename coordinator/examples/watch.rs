//! Observing a run from another process, with nothing but the `protocol` crate.
//!
//! `coordinator run jobs/pi.toml --observe run.sock`, and meanwhile `cargo run --example watch run.sock`

use std::time::Duration;

use protocol::observe::{Observation, ObserveError, Observer, Snapshot, WorkerState};

fn main() -> Result<(), ObserveError> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "run.sock".into());
    // The run may begin a little later.
    let observer = Observer::connect_within(&path, Duration::from_secs(60))?;
    println!("observing run {}: {}", observer.run().run_id, observer.run().job);
    let mut deaths = 0;
    for observation in observer {
        match observation? {
            Observation::Snapshot(snapshot) => show(&snapshot),
            Observation::Failed { task, reason, message, .. } => println!("task {task}: {reason}: {message}"),
            Observation::Died { worker, orderly: false, how, .. } => {
                deaths += 1;
                println!("{worker} {how}");
            }
            Observation::Lost { events } => println!("too slow: {events} events are lost"),
            Observation::End(end) => println!("{} ok, {} failed, {deaths} deaths", end.ok, end.failed),
            // Later versions may tell more.
            _ => {}
        }
    }
    Ok(())
}

fn show(snapshot: &Snapshot) {
    println!("{} tasks done, {} running", snapshot.skipped + snapshot.ok + snapshot.failed, snapshot.running);
    for worker in &snapshot.workers {
        if let WorkerState::Running { task, seconds, .. } = worker.state {
            println!("  {} has been at task {task} for {seconds:.1} s", worker.name);
        }
    }
}
