#!/usr/bin/env bash
# What a farm costs beside the frames, on this machine: planning, starting a task, joining; and two workers against one, in
# turn, so that what else the machine does falls on both.
#
#   benches/farm.sh [MOUE] [ROUNDS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
moue="$(realpath "${1:-target/release/moue}")"
rounds="${2:-3}"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
portrait="$(realpath examples/portraits/astronaut.png)"

seconds() { local from to; from="$(date +%s%N)"; "$@" >/dev/null 2>&1; to="$(date +%s%N)"; awk "BEGIN{print ($to-$from)/1e9}"; }
median() { sort -n | awk '{v[NR]=$1} END{print (NR%2)?v[(NR+1)/2]:(v[NR/2]+v[NR/2+1])/2}'; }

# --- Planning 500 shots -----------------------------------------------------------------------------------------
{
    printf 'moue: 1\noutput: {size: 512x512, fps: 24}\ncast: {ada: %s}\ndefaults: {framing: head}\nshots:\n' "$portrait"
    for shot in $(seq 500); do
        printf -- '- {name: s%s, length: 4s, beats: [at 1s to surprise, at 2.%ss to smile]}\n' "$shot" "$((shot % 10))"
    done
} >"$folder/long.yaml"
plan() { "$moue" farm plan "$folder/long.yaml" -o "$folder/long.json" --no-sample --overwrite --frames-per-task 1; }
for _ in $(seq "$rounds"); do seconds plan; done | median | sed 's/^/plan of 500 shots, seconds:                      /'

# --- A film of sixteen shots ------------------------------------------------------------------------------------
{
    printf 'moue: 1\noutput: {size: 512x512, fps: 24}\ncast: {ada: %s}\ndefaults: {framing: head}\nshots:\n' "$portrait"
    for shot in $(seq 16); do
        printf -- '- {name: s%s, length: 10s, beats: [at 1s to surprise, at 5s to smile, at 9.%ss to fear]}\n' "$shot" "$((shot % 10))"
    done
} >"$folder/film.yaml"
fresh() { rm -rf "$folder/film.farm"; "$moue" farm plan "$folder/film.yaml" -o "$folder/film.json" --no-sample --overwrite --frames-per-task 240 >/dev/null 2>&1; }
alone() { "$moue" storyboard "$folder/film.yaml" -o "$folder/alone.mp4" --overwrite --restart --threads "$1"; }
workers() { "$moue" farm submit "$folder/film.json" --engine local --workers "$1" --threads 1; }
for round in $(seq "$rounds"); do
    fresh; echo "one $(seconds workers 1)"
    fresh; echo "two $(seconds workers 2)"
    echo "alone1 $(seconds alone 1)"
    echo "alone2 $(seconds alone 2)"
done >"$folder/times"
of() { awk -v name="$1" '$1 == name {print $2}' "$folder/times" | median; }
one="$(of one)" two="$(of two)"
echo "16 tasks of 240 frames, one worker, seconds:      $one"
echo "the same, two workers:                            $two"
awk "BEGIN{printf \"efficiency of two workers:                        %.2f\\n\", $one/(2*$two)}"
echo "moue storyboard, one thread that draws:           $(of alone1)"
echo "moue storyboard, two:                             $(of alone2)"

# --- Beside the frames ------------------------------------------------------------------------------------------
again() { "$moue" farm task "$folder/film.json" --index 3; }
for _ in $(seq 10); do seconds again; done | median | sed 's/^/a task that is done, seconds:                     /'
{
    printf 'moue: 1\noutput: {size: 512x512, fps: 24}\ncast: {ada: %s}\nshots:\n- {length: 0.04s, framing: head}\n' "$portrait"
} >"$folder/short.yaml"
"$moue" farm plan "$folder/short.yaml" -o "$folder/short.json" --no-sample >/dev/null 2>&1
one_frame() { "$moue" farm task "$folder/short.json" --index 0 --threads 1; }
for _ in $(seq 10); do rm -rf "$folder/short.farm/pieces" "$folder/short.farm/receipts"; seconds one_frame; done | median | sed 's/^/a task of one frame, start to receipt, seconds:   /'
fresh; workers 2 >/dev/null 2>&1
join() { "$moue" farm join "$folder/film.json" -o "$folder/joined.mp4" --overwrite; }
for _ in $(seq "$rounds"); do seconds join; done | median | sed 's/^/join of 16 pieces, 3840 frames, seconds:          /'
cmp "$folder/joined.mp4" "$folder/alone.mp4" && echo "the film's bytes are those of one machine"
