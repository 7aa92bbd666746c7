#!/usr/bin/env bash
# Times the job kinds against the best tools for the same work, in turns, and checks that the answers agree.
# Usage: scripts/bench_jobs.sh [--rounds N] [--megabytes N] [--only PART-OF-A-NAME]
# Builds a Python environment with NumPy, Polars and OpenCV under target/ on the first run, and its data under
# target/bench-data (4 GB with the defaults).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/bench_install.sh

debian primesieve primesieve
python_module numpy 'numpy>=2,<3'
python_module polars 'polars>=1,<2'
python_module cv2 'opencv-python-headless>=4,<6'

rustc --edition 2024 -O -o target/read_floor scripts/peers/read_floor.rs
cargo build --release --workspace --bins
exec "$venv/bin/python" scripts/bench_jobs.py "$@"
