#!/usr/bin/env bash
# Installs cargo-deny where it is not installed yet.
set -euo pipefail
cargo deny --version >/dev/null 2>&1 && exit 0
# Unoptimised: it runs once, and building it takes longer than running it.
cargo install --locked --debug --no-default-features --quiet cargo-deny
