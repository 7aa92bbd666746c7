#!/usr/bin/env bash
# scripts/check_api.sh [check|update|release]: compares the public API of the crates with docs/api, looks for items
# without an example, and for promises that are broken without a version that says so. docs/releasing.md tells more.
# Exit code 3: this toolchain's rustdoc writes JSON in a format that the package `api` does not read.
set -euo pipefail
cd "$(dirname "$0")/.."
RUSTDOC="$PWD/scripts/rustdoc_json.sh" RUSTDOCFLAGS="-Zunstable-options --output-format json" \
    cargo doc --workspace --no-deps --lib --quiet --target-dir target
cargo run --quiet --package api -- "${1:-check}" target/doc docs/api ids protocol unhurt jobs worker coordinator
