#!/usr/bin/env bash
# Checks everything that is not a test: formatting, lints, documentation, dependencies, architecture.
# With CI=true, an optional tool that is missing is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
    echo "SKIPPED: $1" >&2
    [ "${CI:-}" != true ] || { echo "(in CI a skip is a failure)" >&2; exit 1; }
}

cargo fmt --all --check
cargo clippy --workspace --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
scripts/check_architecture.sh
# The public API: every item has an example, and what was promised is kept.
code=0
scripts/check_api.sh || code=$?
case $code in
    0) ;;
    3) skip "the public API can't be read from this toolchain's rustdoc" ;;
    *) exit "$code" ;;
esac
scripts/check_packages.sh
scripts/install_cargo_deny.sh || true
if cargo deny --version >/dev/null 2>&1; then
    # It reads the packages of every platform, also those that no build here has needed.
    cargo fetch --locked --quiet
    cargo deny --all-features --offline check bans licenses sources
else
    skip "cargo-deny is not installed (cargo install --locked cargo-deny)"
fi
