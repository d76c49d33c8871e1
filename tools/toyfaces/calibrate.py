"""Fits the map between ARKit and the toy faces' FLAME values, as one would for the real model: `moue track` reads drawn
clips whose FLAME values are known, and `moue calibrate` fits the map.

    python calibrate.py MOUE OUT.npz [--persons 6]

MOUE is moue's binary. The persons are none that the networks are trained on, and none that the examples show.
"""

import argparse
import csv
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image

import draw
import faces
from data import HELD_OUT

FIRST, SIDE, RATE = HELD_OUT + 100, 384, 25
# Frames from one expression to the next, and expressions that move several parts at once.
FRAMES, MIXED = 8, 12
NAMES = [f"exp_{at:02}" for at in range(50)] + ["eyelid_left", "eyelid_right", "jaw_x", "jaw_y", "jaw_z"]


def motion(rng):
    """(N, 55): at rest, each part alone to both ends of its range, then several at once."""
    stops = [np.zeros(faces.VALUES, np.float32)] * 2
    for index, low, high in faces.DRIVEN.values():
        for end in (low, high):
            if end != 0:
                stops.append(np.eye(faces.VALUES, dtype=np.float32)[index] * end)
    stops += [faces.random_expression(rng, idle=1.0) for _ in range(MIXED)]
    ease = (0.5 - 0.5 * np.cos(np.pi * np.arange(FRAMES) / FRAMES))[:, None]
    return np.concatenate([a + (b - a) * ease for a, b in zip(stops, stops[1:], strict=False)])


def clip(moue, folder, seed):
    """A track with both kinds of channels, of a person who moves."""
    person, look = faces.Person.of_seed(seed), faces.Look.of_seed(seed)
    values, pictures = motion(np.random.default_rng([4, seed])), folder / "pictures"
    pictures.mkdir(parents=True)
    for at, row in enumerate(values):
        Image.fromarray(draw.draw(person, look, row, SIDE)).save(pictures / f"{at:04}.png", compress_level=1)
    seen, both = folder / "seen.csv", folder / "both.csv"
    subprocess.run([moue, "track", pictures, "--motion-fps", str(RATE), "-o", seen, "-q"], check=True)
    with seen.open() as file:
        rows = list(csv.reader(file))
    with both.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(rows[0] + NAMES)
        for row, told in zip(rows[1:], values, strict=True):
            table.writerow(row + [f"{value:.5f}" for value in told])
    return both


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("moue", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--persons", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder, moue = pathlib.Path(folder), options.moue.resolve()
        clips = [clip(moue, folder / str(at), FIRST + at) for at in range(options.persons)]
        subprocess.run([moue, "calibrate", *clips, "-o", options.out, "--overwrite"], check=True)


if __name__ == "__main__":
    main()
