#!/usr/bin/env bash
# The long versions of the tests of faults: scripts/faults.sh [SEED]. Chaos has a script of its own.
# Prints what was measured; takes about half an hour.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --workspace --bins

seed=${1:-$RANDOM}
long() {
    cargo test --release --workspace --test "$1" -- --nocapture --test-threads=1 "${@:2}"
}

HOSTILE_MUTANTS=1000 HOSTILE_MILLIS=100 HOSTILE_SEED=$seed long hostile
RECOVERY_TASKS=5000 long recovery
KILLS=100 KILLS_SEED=$seed long kills
CYCLES=1000 long cycles
INTERRUPTS=10 INTERRUPT_MILLIS=100 PAUSES=20 long signals
GIVE_UP_MILLIS=10000 FLOOD_MB=100 long crashes
RESUME_TASKS=200000 RESUME_KILLS=200 RESUME_SEED=$seed long resume_kills
KILL_POINTS_SEED=$seed long kill_points
long full_disk
long limits
long scarcity
long terminal
