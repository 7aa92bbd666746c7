#!/usr/bin/env bash
# Times the job kinds against the best tools for the same work, in turns, and checks that the answers agree.
# Usage: scripts/bench_jobs.sh [--rounds N] [--megabytes N] [--only PART-OF-A-NAME]
# Builds a Python environment with NumPy, Polars and OpenCV under target/ on the first run, and its data under
# target/bench-data (4 GB with the defaults).
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v primesieve >/dev/null; then
    { [ "$(id -u)" = 0 ] && apt-get install --yes --quiet primesieve >/dev/null; } ||
        echo "SKIPPED: counting primes: primesieve is not installed (apt-get install primesieve)" >&2
fi

venv=target/bench-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import cv2, numpy, polars' 2>/dev/null ||
    "$venv/bin/python" -m pip install --quiet 'numpy>=2,<3' 'polars>=1,<2' 'opencv-python-headless>=4,<6'

cargo build --release --workspace --bins
exec "$venv/bin/python" scripts/bench_jobs.py "$@"
