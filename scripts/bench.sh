#!/usr/bin/env bash
# Frames per second of the renderer alone, of the encoder alone and of both together, in one run.
#   scripts/bench.sh [SECONDS OF FILM] [PORTRAIT MOTION]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec "${CARGO:-cargo}" run --quiet --release --locked -p moue-animation --example mesh_bench -- "$@"
