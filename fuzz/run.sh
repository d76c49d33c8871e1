#!/usr/bin/env bash
# Fuzzes one target: fuzz/run.sh TARGET [SECONDS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${1:?usage: fuzz/run.sh TARGET [SECONDS], TARGET one of table json lines npy npz members}
seconds=${2:-300}
corpus=fuzz/corpus/$target
mkdir -p "$corpus"
seeds=()
[[ -d fuzz/seeds/$target ]] && seeds+=("fuzz/seeds/$target")
[[ $target == npy || $target == npz ]] && seeds+=(crates/tracks/tests/data)

cargo +nightly fuzz run "$target" "$corpus" "${seeds[@]}" -- \
  -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
