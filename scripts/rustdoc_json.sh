#!/usr/bin/env bash
# rustdoc with the right to write JSON, which is not stable yet. Only rustdoc gets it, so that nothing is compiled anew.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
