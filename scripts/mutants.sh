#!/usr/bin/env bash
# Plants the bugs listed in coordinator/queue/mutants.toml, one at a time, into copies of the queue, and
# fails where the simulator does not catch one.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo test --package tests --test mutants -- --ignored --nocapture
