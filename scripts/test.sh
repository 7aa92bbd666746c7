#!/usr/bin/env bash
# Runs every test: units, simulator, end-to-end, documentation. Needs Rust and a C compiler; uses cargo-nextest
# where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

# The end-to-end tests run the real programs, which no test package builds for itself.
cargo build --workspace --bins --examples

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace
else
    echo "cargo-nextest is not installed: using cargo test" >&2
    cargo test --workspace --lib --bins --tests --examples
fi
cargo test --workspace --doc
