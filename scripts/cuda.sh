#!/usr/bin/env bash
# Builds moue for NVIDIA GPUs, on a machine that needs neither a GPU nor a driver nor an installed CUDA toolkit.
#
#   scripts/cuda.sh              the program and the examples of moue-diffusion: what `make cuda` does
#   scripts/cuda.sh examples     only the examples, which need no GStreamer where they run
#   scripts/cuda.sh toolkit      only find or fetch the CUDA compiler, and say where it is
#
# The result asks for CUDA's libraries when a CUDA device is opened, not when it starts, so that it runs without them
# too. Everything is written under target/; neither the default build nor Cargo.lock knows of any of it.
#
# CUDA_COMPUTE_CAP   for which GPUs (default 80; see below)
# CUDA_HOME          which CUDA toolkit (default: the one whose nvcc is in PATH, else one is fetched)
# CUDAFORGE_THREADS  how many kernels are compiled at a time (default: every core)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="$PWD"

# shellcheck source=scripts/cuda-toolkit.sh
source scripts/cuda-toolkit.sh

what="${1:-all}"
case "$what" in
    all | examples | toolkit) ;;
    *) stop "unknown purpose '$what'" "expected: all, examples or toolkit" ;;
esac

cargo="${CARGO:-cargo}"
target="${CARGO_TARGET_DIR:-target}"
[[ "$target" == /* ]] || target="$root/$target"
work="$target/cuda"
mkdir -p "$work"

# --- The toolkit -----------------------------------------------------------------------------------------------

find_toolkit "$target/cuda-toolkit"
say "cuda: toolkit $toolkit_version in $toolkit"
[[ "$what" != toolkit ]] || exit 0

# Most of the compiler's time would go into kernels for quantised weights, which candle links in and moue never
# calls. They are what is compiled to objects (-c); all else becomes PTX. So there a compiler stands before the compiler.
mkdir -p "$work/toolkit/bin"
quick=""
if "$toolkit_nvcc" --help | grep -q -e --Ofast-compile; then quick=" --Ofast-compile max"; fi
write "$work/toolkit/bin/nvcc" "#!/bin/sh
case \" \$* \" in
    *' -c '*) exec '$toolkit_nvcc' \"\$@\"$quick ;;
    *) exec '$toolkit_nvcc' \"\$@\" ;;
esac"
chmod +x "$work/toolkit/bin/nvcc"
ln -sfn "$toolkit/include" "$work/toolkit/include"
export CUDA_HOME="$toolkit" NVCC="$work/toolkit/bin/nvcc" PATH="$work/toolkit/bin:$PATH"
# Kernels travel as PTX, which the driver compiles for its GPU on first use (and keeps). PTX for 8.0 runs on every GPU
# from Ampere (2020) on and is the oldest with bfloat16 instructions. A higher number leaves GPUs out for no gain,
# and from 90 on candle asks for PTX of one architecture alone ("90a"), which runs on no newer GPU.
export CUDA_COMPUTE_CAP="${CUDA_COMPUTE_CAP:-80}"

# candle's quantised kernels ask the linker for libcudart. The linker takes this script for that library and finds the
# static one behind it; the shared one would have to be there when the program starts.
mkdir -p "$work/link"
write "$work/link/libcudart.so" "INPUT($toolkit_cudart -ldl -lrt -lpthread)"
export LIBRARY_PATH="$work/link${LIBRARY_PATH:+:$LIBRARY_PATH}"

# --- candle, loading CUDA instead of being linked to it ----------------------------------------------------------

# cudarc can do either, but candle's manifest chooses; one word of a copy of it is changed. The copy is the very
# version that Cargo.lock names, from where cargo keeps it.
candle="$(awk '/^name = "candle-core"$/ { getline; gsub(/"/, "", $3); print $3 }' Cargo.lock)"
[[ "$candle" =~ ^[0-9.]+$ ]] || stop "Cargo.lock names no candle-core, or several: '$candle'"
patched="$work/candle-core-$candle"
if [[ ! -e "$patched/Cargo.toml" ]]; then
    host="$("$cargo" -vV | sed -n 's/^host: //p')"
    manifest="$("$cargo" metadata --locked --format-version 1 --filter-platform "$host" |
        grep -o "\"manifest_path\":\"[^\"]*/candle-core-$candle/Cargo.toml\"" | cut -d '"' -f 4 | head -n 1)" ||
        stop "cargo did not say where it keeps candle-core $candle"
    found="$(grep -c '"dynamic-linking"' "$manifest" || true)"
    [[ "$found" == 1 ]] ||
        stop "candle-core $candle names cudarc's \"dynamic-linking\" $found times in its manifest; expected: once" \
            "This script was written for 0.11.1. Look at $manifest and change the script."
    rm -rf "$patched.part" "$patched"
    mkdir "$patched.part"
    cp -R "${manifest%/*}/src" "$patched.part/"
    # Without the examples, tests and benches, which the manifest names and the build never needs.
    sed 's/"dynamic-linking"/"dynamic-loading"/' "$manifest" |
        awk '/^\[/ { skip = /^\[\[(example|test|bench)\]\]|^\[dev-dependencies/ } !skip' >"$patched.part/Cargo.toml"
    mv "$patched.part" "$patched"
    say "cuda: candle-core $candle, made to load CUDA at run time, in $patched"
fi

# --- A workspace of its own --------------------------------------------------------------------------------------

# The patch shows in the lock file, so the build sees the repository through links, beside a lock file with the patch.
tree="$work/workspace"
mkdir -p "$tree"
for entry in "$tree"/*; do
    [[ ! -L "$entry" || -e "$entry" ]] || rm -- "$entry"
done
for entry in *; do
    case "$root/$entry" in
        "$target" | "$root"/target* | "$root/out" | "$root/Cargo.lock") continue ;;
    esac
    ln -sfn "$root/$entry" "$tree/$entry"
done
write "$tree/Cargo.lock" "$(awk '
    /^\[\[package\]\]$/ { ours = 0 }
    /^name = "candle-core"$/ { ours = 1 }
    !(ours && /^(source|checksum) = /)' Cargo.lock)"

packages=(-p moue-diffusion --examples)
[[ "$what" == examples ]] || packages+=(-p moue-cli --bins)
say "cuda: building for GPUs of compute capability $CUDA_COMPUTE_CAP and newer"
(cd "$tree" && "$cargo" build --release --locked --target-dir "$work" \
    --config "patch.crates-io.candle-core.path = \"$patched\"" \
    "${packages[@]}" --features moue-diffusion/cuda)

for program in "$work"/release/moue "$work"/release/examples/*; do
    [[ -x "$program" && ! "$program" =~ -[0-9a-f]{16}$ && "$program" != *.* ]] || continue
    [[ "$what" == all || "$program" == */examples/* ]] || continue
    needed="$(ldd "$program" | grep -oE 'lib(cu|nv)[a-zA-Z]*\.so[.0-9]*' || true)"
    [[ -z "$needed" ]] ||
        stop "$program would not start without $needed" "Remove $work and run this again; if it stays, tell us."
    say "built $program"
done
