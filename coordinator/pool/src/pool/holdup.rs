//! What a pool's time is spent on: the tasks, or something that keeps the workers from them.

use std::time::Duration;

use super::Limit;
use queue::{Load, Time};

/// What keeps a pool with this load from going faster.
pub(super) fn limit(load: Load, planning: bool, congested: bool) -> Limit {
    match load {
        _ if congested => Limit::Output,
        Load { working: 0, idle: 0, leaving: 0, .. } => Limit::Starting,
        // A task that is ready goes to whoever has nothing to do in the same breath.
        Load { idle: 1.., ready: false, .. } if planning => Limit::Planning,
        Load { idle: 1.., ready: false, .. } | Load { leaving: 1.., .. } => Limit::Ending,
        _ => Limit::Tasks,
    }
}

/// Adds up how long each limit held.
#[derive(Debug)]
pub(super) struct Holdup {
    limit: Limit,
    since: Time,
    spent: Spent,
}

/// How long a pool's run was held up by what; together, the time that it took, pauses left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    parts: [Duration; Limit::ALL.len()],
}

impl Spent {
    /// How long this was the limit.
    pub fn on(&self, limit: Limit) -> Duration {
        self.parts.get(limit as usize).copied().unwrap_or_default()
    }
}

impl Holdup {
    pub(super) fn new(now: Time) -> Self {
        Self { limit: Limit::Starting, since: now, spent: Spent::default() }
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    /// From now on, it is another one.
    pub(super) fn change(&mut self, limit: Limit, now: Time) {
        if let Some(part) = self.spent.parts.get_mut(self.limit as usize) {
            *part += now.since(self.since);
        }
        (self.limit, self.since) = (limit, now);
    }

    /// What the time until now was spent on.
    pub(super) fn spent(&mut self, now: Time) -> Spent {
        self.change(self.limit, now);
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Load = Load { working: 2, idle: 0, leaving: 0, ready: true };

    #[test]
    fn the_limit_is_what_the_workers_wait_for() {
        assert_eq!(limit(Load::default(), true, false), Limit::Starting);
        assert_eq!(limit(BUSY, true, false), Limit::Tasks);
        assert_eq!(limit(BUSY, true, true), Limit::Output);
        let hungry = Load { working: 1, idle: 1, ready: false, ..BUSY };
        assert_eq!(limit(hungry, true, false), Limit::Planning);
        assert_eq!(limit(hungry, false, false), Limit::Ending);
        assert_eq!(limit(Load { idle: 0, leaving: 1, ..hungry }, false, false), Limit::Ending);
        // All have tasks, and none is left over: still the tasks.
        assert_eq!(limit(Load { ready: false, ..BUSY }, true, false), Limit::Tasks);
    }

    #[test]
    fn all_time_is_accounted_for() {
        let mut holdup = Holdup::new(Time(100));
        holdup.change(Limit::Tasks, Time(150));
        holdup.change(Limit::Output, Time(950));
        let spent = holdup.spent(Time(1000));
        let nanos = Limit::ALL.map(|limit| spent.on(limit).as_nanos());
        assert_eq!(nanos, [50, 0, 800, 50, 0]);
    }
}
