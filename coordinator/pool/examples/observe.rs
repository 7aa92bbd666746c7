//! Watching a pool at work: who started, who finished what, who died of what.
//!
//! `cargo run --example observe`

use unhurt::{Context, Error, Event, Pool};

/// Divides 60, and tells how far it has come. Nobody has looked after the zero.
fn divide(n: u32, context: &Context<'_>) -> u32 {
    context.log(format_args!("dividing by {n}"));
    (1..=3).for_each(|step| context.progress(step, 3));
    if n == 0 {
        std::process::abort();
    }
    60 / n
}

fn main() -> Result<(), Error> {
    unhurt::worker().function(divide).serve();

    let pool = Pool::builder().workers(1).retries(1).function(divide)?;
    let events = pool.events();
    let watcher = std::thread::spawn(move || events.for_each(show));
    let sum: u32 = pool.map([1_u32, 2, 0, 3]).filter_map(Result::ok).sum();
    println!("the sum is {sum}");
    pool.close();
    pool.join()?;
    // Events end with their pool.
    let _ = watcher.join();

    let stats = pool.stats();
    println!("{} ok, {} failed, {} retried, {} died", stats.ok, stats.failed, stats.retried, stats.died);
    for (number, worker) in (1..).zip(pool.report().iter().flat_map(|report| &report.workers)) {
        println!("worker-{number}: {} tasks in {} processes", worker.tasks, worker.incarnations);
    }
    Ok(())
}

fn show(event: Event) {
    match event {
        Event::Started { worker, incarnation, .. } => println!("worker-{worker}: process {incarnation}"),
        Event::Finished { worker, tasks } => println!("worker-{worker}: finished {} tasks", tasks.len()),
        Event::Failed { worker, task, attempt, again } => {
            let next = if again { "it will be tried again" } else { "that was the last attempt" };
            println!("worker-{worker}: task {task}: {}; {next}", attempt.message);
        }
        Event::Progress { worker, task, done, total } => {
            println!("worker-{worker}: task {task}: {done} of {total}");
        }
        Event::Printed { worker, line, .. } => println!("worker-{worker}: says {line:?}"),
        Event::Died { worker, orderly: false, how } => println!("worker-{worker}: {how}"),
        _ => {}
    }
}
