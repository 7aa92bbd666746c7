#!/usr/bin/env bash
# The long version of the chaos test: scripts/chaos.sh [TASKS] [SIGNALS] [SEED].
# The default is a million tasks and 1,600 signals to random workers.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --workspace --bins
CHAOS_TASKS=${1:-1000000} CHAOS_SIGNALS=${2:-1600} CHAOS_SEED=${3:-$RANDOM} \
    cargo test --release --workspace --test chaos -- --nocapture
