#!/usr/bin/env bash
# Times the pool against other ways to run tasks, in turns, checks the answers, and prints a table in Markdown.
# Usage: scripts/bench.sh [--rounds N] [--scale X] [--only PART-OF-A-NAME] [--quick] [--list]
# Installs Ray, Dask, joblib and GNU parallel, and builds procspawn and rayon, all under target/ where it can; what
# can't be had is left out, and said. BENCH_PROFILE=dev takes debug builds, to try the script itself.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/bench_install.sh

debian parallel parallel
python_module joblib 'joblib>=1.4,<2'
python_module ray 'ray>=2,<3'
python_module distributed 'distributed>=2025'

profile=${BENCH_PROFILE:-release}
cargo build --profile "$profile" --workspace --bins
CARGO_TARGET_DIR=target/bench-peers cargo build --profile "$profile" --locked --manifest-path scripts/peers/rust/Cargo.toml ||
    echo "SKIPPED: procspawn, rayon and the bare socket pair can't be built" >&2

[ "$profile" = dev ] && built=debug || built=$profile
exec "$venv/bin/python" scripts/bench.py --built "$built" "$@"
