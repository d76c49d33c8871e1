#!/usr/bin/env python3
"""Makes the voices of dialogue.yaml: a pulse train through three resonances for each vowel. Needs Python alone.

    python3 examples/storyboards/sounds/make_sounds.py

Times are those of the beats in dialogue.yaml, counted from where each sound begins.
"""
import array
import math
import pathlib
import wave

RATE = 24_000
# Centres of the first three formants in Hz and how loud the whole is.
VOWELS = {
    "o": ((450, 850, 2500), 1.0),
    "a": ((750, 1250, 2600), 1.0),
    "m": ((280, 900, 2200), 0.35),
}
BANDWIDTHS = (80, 100, 160)


def vowel(name, seconds, start_hz, end_hz):
    """A vowel with a falling or rising voice, softly begun and ended."""
    formants, loudness = VOWELS[name]
    count = round(seconds * RATE)
    samples, phase = [], 0.0
    for i in range(count):
        phase += (start_hz + (end_hz - start_hz) * i / count) / RATE
        # A pulse that rises slowly and falls fast, as vocal folds make it.
        along = phase % 1.0
        samples.append(along * along * (1.0 - along) * 6.75 - 0.56)
    for centre, width in zip(formants, BANDWIDTHS):
        radius = math.exp(-math.pi * width / RATE)
        a1, a2 = 2 * radius * math.cos(2 * math.pi * centre / RATE), -radius * radius
        gain, y1, y2, filtered = 1 - a1 - a2, 0.0, 0.0, []
        for x in samples:
            y1, y2 = gain * x + a1 * y1 + a2 * y2, y1
            filtered.append(y1)
        samples = filtered
    loudest = max(map(abs, samples))
    ramp = 0.03 * RATE
    return [0.5 * loudness * s / loudest * min(1.0, i / ramp, (count - i) / ramp) for i, s in enumerate(samples)]


def write(name, seconds, parts):
    line = [0.0] * round(seconds * RATE)
    for at, samples in parts:
        start = round(at * RATE)
        for i, sample in enumerate(samples):
            line[start + i] += sample
    path = pathlib.Path(__file__).with_name(name)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(array.array("h", (round(32767 * s) for s in line)).tobytes())
    print(f"wrote {path}")


if __name__ == "__main__":
    write("ada.wav", 1.9, [
        (0.10, vowel("o", 0.36, 215, 270)),
        (0.90, vowel("o", 0.28, 290, 240)),
        (1.28, vowel("o", 0.34, 260, 200)),
    ])
    write("bo.wav", 2.0, [
        (0.28, vowel("m", 0.30, 110, 105)),
        (0.98, vowel("a", 0.40, 135, 100)),
    ])
