#!/bin/sh
# Plays N seeds of the queue's simulator and of the pool's (a million, if not told), optimised and with overflow checks.
# A seed that breaks a promise is printed with the end of its trace; SIM_SEED=n scripts/simulate.sh plays
# that one again and prints all of it.
set -eu
cd "$(dirname "$0")/.."
SIM_SEEDS="${1:-1000000}"
export SIM_SEEDS
export CARGO_PROFILE_RELEASE_LTO=off
export CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true
export CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true
cargo test --release --package unhurt-queue --lib -- sim --nocapture
exec cargo test --release --package unhurt --lib -- pool::sim --nocapture
