#!/usr/bin/env bash
# The long version of the chaos test: scripts/chaos.sh [TASKS] [SIGNALS] [SEED].
# The default is a million tasks and 1,600 signals to random workers of four: 1,000 SIGKILL and 200 each of SIGSEGV,
# SIGABRT and SIGSTOP. Takes a few minutes, and never more than a quarter of an hour.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --workspace --bins
cargo test --release --workspace --test chaos --no-run
CHAOS_TASKS=${1:-1000000} CHAOS_SIGNALS=${2:-1600} CHAOS_SEED=${3:-$RANDOM} timeout --kill-after=10 900 \
    cargo test --release --workspace --test chaos -- --nocapture
