#!/usr/bin/env bash
# The long version of the chaos test: scripts/chaos.sh [TASKS] [SIGNALS] [SEED].
# The default is ten million tasks (one would be done before the last signal) and 1,600 signals to random
# workers: about 1,000 SIGKILL and 200 each of SIGSEGV, SIGABRT and SIGSTOP. Takes a few minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --workspace --bins
CHAOS_TASKS=${1:-10000000} CHAOS_SIGNALS=${2:-1600} CHAOS_SEED=${3:-$RANDOM} \
    cargo test --release --workspace --test chaos -- --nocapture
