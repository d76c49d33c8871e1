#!/usr/bin/env bash
# Peak memory of `moue animate` for a motion of 10 seconds and one of 10 minutes: it must not depend on the length.
#   scripts/memory.sh [SIZE]      512x512 by default
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
size="${1:-512x512}"

"${CARGO:-cargo}" build --quiet --release --locked -p moue-cli
moue="${CARGO_TARGET_DIR:-target}/release/moue"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

# All 52 shapes at 30 rows per second would be 18000 rows in 10 minutes; six that move a lot do.
motion() {
    awk -v seconds="$1" 'BEGIN {
        print "time,jawOpen,eyeBlinkLeft,eyeBlinkRight,mouthSmileLeft,mouthSmileRight,browInnerUp"
        for (row = 0; row <= seconds * 30; row++) {
            t = row / 30
            printf "%.4f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f\n", t, 0.4 + 0.4 * sin(t * 7), (t % 3 < 0.2), (t % 3 < 0.2),
                0.5 + 0.5 * sin(t), 0.5 + 0.5 * sin(t), 0.5 + 0.5 * sin(t * 2)
        }
    }'
}

printf '%-10s %8s %8s %10s %12s\n' film frames seconds frames/s 'peak RSS'
for seconds in 10 600; do
    motion "$seconds" >"$folder/$seconds.csv"
    began="$(date +%s.%N)"
    "$moue" animate examples/portraits/astronaut.png "$folder/$seconds.csv" --framing head --size "$size" --quiet \
        -o "$folder/$seconds.mp4" -o "$folder/$seconds.png" &
    pid=$!
    peak=0
    # The kernel keeps the highest value for us; the last one read before the end is it.
    while now="$(awk '/^VmHWM/ {print $2}' "/proc/$pid/status" 2>/dev/null)" && [[ -n "$now" ]]; do
        peak="$now"
        sleep 0.1
    done
    wait "$pid"
    took="$(awk -v began="$began" -v ended="$(date +%s.%N)" 'BEGIN {printf "%.1f", ended - began}')"
    frames=$((seconds * 25 + 1))
    awk -v s="$seconds" -v f="$frames" -v t="$took" -v p="$peak" \
        'BEGIN {printf "%-10s %8d %8.1f %10.0f %9.0f MiB\n", s " s", f, t, f / t, p / 1024}'
done
