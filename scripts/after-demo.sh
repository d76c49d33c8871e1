#!/usr/bin/env bash
# What `make demo` says when it is done: how to look at the result, and what to try next.
set -euo pipefail
moue="${1:-target/release/moue}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cat <<TEXT

Done. Look at it:
  $here/out/demo.mp4   the video        (xdg-open out/demo.mp4, or ffplay out/demo.mp4)
  $here/out/demo.png   a contact sheet  (xdg-open out/demo.png)

Try next:
  every shape, one after the other
    $moue animate examples/portraits/astronaut.png examples/tracks/sweep.csv --framing head --size 512x512 -o out/sweep.mp4
  exaggerate: more jaw, twice the brows, a still head
    $moue animate examples/portraits/astronaut.png examples/tracks/emotions.csv --framing head --gain 'jawOpen=1.3,browInnerUp=2,head=0' -o out/gain.gif
  your own picture, at its own size (one clear face, looking at the camera, does best)
    $moue animate PORTRAIT.jpg examples/tracks/emotions.csv -o out/mine.mp4
  your own motion: a Live Link Face recording, MediaPipe's JSON, or a table with a time column and shape names
    $moue animate PORTRAIT.jpg RECORDING.csv -o out/mine.mp4
  what the tracker sees in a picture
    $moue inspect PORTRAIT.jpg --annotate out/seen.png
  all of it explained
    $moue animate --help
TEXT
