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


def mirrored(name):
    """The column that says the same of the mirrored face, and its sign."""
    if name in ("exp_03", "exp_04", "head_yaw", "head_roll", "jaw_y", "jaw_z"):
        return name, -1
    for left, right in (("Left", "Right"), ("left", "right")):
        if left in name or right in name:
            return (name.replace(left, right) if left in name else name.replace(right, left)), 1
    return name, 1


def write(file, names, rows):
    with file.open("w", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(names)
        table.writerows([f"{value:.5f}" for value in row] for row in rows)
    return file


def clip(moue, folder, seed):
    """Two tracks with both kinds of channels, of a person who moves: as it is, and mirrored. What the tracker happens to
    see on one side of a drawn face only would become a lopsided map."""
    person, look = faces.Person.of_seed(seed), faces.Look.of_seed(seed)
    values, pictures = motion(np.random.default_rng([4, seed])), folder / "pictures"
    pictures.mkdir(parents=True)
    for at, row in enumerate(values):
        Image.fromarray(draw.draw(person, look, row, SIDE)).save(pictures / f"{at:04}.png", compress_level=1)
    seen = folder / "seen.csv"
    subprocess.run([moue, "track", pictures, "--motion-fps", str(RATE), "-o", seen, "-q"], check=True)
    with seen.open() as file:
        rows = list(csv.reader(file))
    names = rows[0] + NAMES
    both = np.concatenate([np.array(rows[1:], float), values], axis=1)
    columns = [mirrored(name) for name in names]
    other = np.stack([sign * both[:, names.index(name)] for name, sign in columns], axis=1)
    return write(folder / "both.csv", names, both), write(folder / "mirrored.csv", names, other)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("moue", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--persons", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder, moue = pathlib.Path(folder), options.moue.resolve()
        clips = [file for at in range(options.persons) for file in clip(moue, folder / str(at), FIRST + at)]
        subprocess.run([moue, "calibrate", *clips, "-o", options.out, "--overwrite"], check=True)


if __name__ == "__main__":
    main()
