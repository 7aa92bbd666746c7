#!/usr/bin/env bash
# Plants the bugs listed in the mutants.toml of the queue and of the pool, one at a time, into copies of them, and fails
# if the simulator does not catch one. `scripts/mutants.sh queue` or `pool` takes only one of the two.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo test --package tests --test mutants -- --ignored --nocapture --test-threads=1 "$@"
