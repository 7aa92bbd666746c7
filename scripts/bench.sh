#!/usr/bin/env bash
# Times this build against other ways to run tasks, or against another build; scripts/bench.sh --help tells how.
# Installs what it compares with, below target/ where it can; what can't be had is left out, and said. Nothing is
# installed for --list, --help and --against. BENCH_PROFILE=dev takes debug builds, to try the program itself.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${BENCH_PROFILE:-release}
[ "$profile" = dev ] && built=debug || built=$profile

peers=true
for argument in "$@"; do
    case $argument in
    --list | --help | -h) exec cargo run --quiet --package unhurt-bench -- "$@" ;;
    --against | --against=*) peers=false ;;
    esac
done
if $peers; then
    . scripts/bench_install.sh
    debian parallel parallel
    debian primesieve primesieve
    python_module joblib 'joblib>=1.4,<2'
    python_module ray 'ray>=2,<3'
    python_module distributed 'distributed>=2025'
    python_module numpy 'numpy>=2,<3'
    python_module polars 'polars>=1,<2'
    python_module cv2 'opencv-python-headless>=4,<6'
    CARGO_TARGET_DIR=target/bench-peers cargo build --profile "$profile" --locked --manifest-path scripts/peers/rust/Cargo.toml ||
        echo "SKIPPED: procspawn, rayon and the bare socket pair can't be built" >&2
    rustc --edition 2024 -O -o target/read_floor scripts/peers/read_floor.rs
fi
cargo build --profile "$profile" --workspace --bins
exec "target/$built/unhurt-bench" --built "$built" "$@"
