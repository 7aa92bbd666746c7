use std::path::Path;

use protocol::{Context, TaskId};

use super::*;

fn plan(text: &str) -> Result<Plan, SpecErrors> {
    let mut job = JobSpec::parse("pi.toml", text, Path::new("."), &[])?;
    Pi.plan(&mut job, &PlanOptions::default())
}

/// Every task and its value, in order.
fn run(plan: &mut Plan) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut handler = Pi.handler(&plan.setup).unwrap();
    let mut payloads = Payloads::new();
    while plan.tasks.next(7, &mut payloads).unwrap() {}
    let context = Context { worker: "worker-1", link: None };
    let mut done = Vec::new();
    for (id, payload) in payloads.iter().enumerate() {
        let mut value = Vec::new();
        let task = Task { id: TaskId(id as u64), attempt: 1, payload, context };
        handler.run(&task, &mut value).unwrap();
        done.push((payload.to_vec(), value));
    }
    done
}

fn combined(plan: &mut Plan, done: &[(Vec<u8>, Vec<u8>)]) -> Result<Value, BadValue> {
    let combine = plan.combine.as_mut().unwrap();
    for (id, (payload, value)) in done.iter().enumerate() {
        combine.add(id as u64, payload, value, "worker-1")?;
    }
    combine.finish()
}

#[test]
fn the_estimate_lies_within_its_error() {
    let mut plan = plan("kind = 'pi'\ninput = { samples = 3_000_001, seed = 7 }").unwrap();
    let done = run(&mut plan);
    assert_eq!(done.len() as u64, plan.total.unwrap());
    let result = combined(&mut plan, &done).unwrap();
    let (pi, error) = (result["pi"].as_f64().unwrap(), result["standard_error"].as_f64().unwrap());
    assert!((pi - std::f64::consts::PI).abs() < 4.0 * error, "{result}");
    assert!((error - 0.000_948).abs() < 0.000_01, "{result}");
    let keys: Vec<_> = result.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["pi", "standard_error", "samples", "inside"]);
}

#[test]
fn the_samples_are_the_same_wherever_they_are_cut() {
    let whole = inside(42, 0..1001);
    for cut in [0, 1, 2, 499, 500, 1000, 1001] {
        assert_eq!(inside(42, 0..cut) + inside(42, cut..1001), whole, "cut at {cut}");
    }
    let single: u64 = (0..1001).map(|index| inside(42, index..index + 1)).sum();
    assert_eq!(single, whole);
}

#[test]
fn another_seed_gives_other_samples() {
    assert_ne!(inside(1, 0..100_000), inside(2, 0..100_000));
    assert_ne!(inside(1, 0..100_000), inside(1 << 32, 0..100_000), "all 64 bits count");
}

#[test]
fn bytes_from_elsewhere_are_refused() {
    let mut plan = plan("kind = 'pi'\ninput = { samples = 10 }").unwrap();
    let payload = put([0, 10]);
    assert!(combined(&mut plan, &[(payload.clone(), put([11]))]).is_err(), "more inside than drawn");
    assert!(combined(&mut plan, &[(payload.clone(), vec![1; 7])]).is_err(), "no number");
    assert!(combined(&mut plan, &[(put([0, 11]), put([3]))]).is_err(), "more than planned");
    assert!(combined(&mut plan, &[(put([10, 10]), put([0]))]).is_err(), "an empty task");
    assert!(combined(&mut plan, &[]).unwrap_err().0.contains("0 of 10"));
    assert!(Pi.handler(b"setup").is_err());
    assert!(Pi.presenter(&[]).is_err());
}

#[test]
fn people_and_programs_can_read_a_task() {
    let shown = Pi.presenter(&put([0, 10])).unwrap();
    let (payload, value) = (put([0, 10]), put([8]));
    let (mut input, mut json, mut line) = (String::new(), String::new(), String::new());
    shown.input(&payload, &mut input).unwrap();
    shown.value(&payload, &value, &mut json).unwrap();
    shown.text(&payload, &value, &mut line).unwrap();
    assert_eq!(input, "samples 0..10");
    assert_eq!(json, r#"{"from":0,"to":10,"inside":8}"#);
    assert_eq!(line, "8 of 10 points are inside");
}

#[test]
fn impossible_samples_are_refused() {
    let message = |text: &str| plan(text).map(|_| ()).unwrap_err().to_string();
    assert!(message("kind = 'pi'").contains("`input.samples`: is required"));
    assert!(message("kind = 'pi'\ninput = { samples = 0 }").contains("at least 1"));
    assert!(message("kind = 'pi'\ninput = { samples = -1 }").contains("-1 is too small"));
    assert!(message("kind = 'pi'\ninput = { samples = 9_000_000_000_000_000_000 }").contains("too large"));
    assert!(message("kind = 'pi'\ninput = { samples = 1, seed = 1.5 }").contains("1.5 is not an integer"));
}

#[test]
fn the_example_runs() {
    let mut job = JobSpec::parse("pi.toml", Pi.example(), Path::new("."), &[]).unwrap();
    assert!(Pi.plan(&mut job, &PlanOptions::default()).is_ok());
    assert_eq!(job.unknown_keys(), SpecErrors::default());
}
