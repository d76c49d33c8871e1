"""Writes the portrait and the track that show the checkpoint.

python examples.py FOLDER                   portraits/toyface.png and tracks/toyface.csv in it
python examples.py FOLDER --second FILE     and somebody else's portrait, for moue's tests
"""

import argparse
import pathlib

import numpy as np

import draw
import faces
from data import HELD_OUT

# A person and a look that nothing is trained on.
PERSON, LOOK = HELD_OUT + 2, HELD_OUT + 11
SECOND_PERSON, SECOND_LOOK = HELD_OUT + 7, HELD_OUT + 7
SIDE, SECOND_SIDE, RATE = 512, 256, 25
COLUMNS = {"exp_00": faces.SMILE, "exp_01": faces.WIDTH, "exp_02": faces.BROWS, "exp_03": faces.TWIST,
           "exp_04": faces.BROW_TWIST, "eyelid_left": faces.LID_LEFT, "eyelid_right": faces.LID_RIGHT,
           "jaw_x": faces.JAW}  # fmt: skip
# Start, end and height of each movement: there and back.
MOVES = {
    "exp_00": [(0.2, 1.2, 1.6), (2.5, 3.1, -1.2)], "exp_01": [(0.2, 1.2, 0.8), (1.4, 2.0, -1.6)],
    "exp_02": [(1.2, 2.2, 1.8), (2.5, 3.1, -1.4)], "exp_03": [(3.1, 3.9, 1.6)], "exp_04": [(3.1, 3.9, 1.6)],
    "eyelid_left": [(0.6, 0.9, 1.0), (2.2, 2.5, 1.0)],
    "eyelid_right": [(0.6, 0.9, 1.0), (2.2, 2.5, 1.0), (3.2, 3.8, 1.0)], "jaw_x": [(1.3, 2.1, 0.34)],
}  # fmt: skip
LENGTH = 4.0


def at(moves, t):
    """Rises and falls as a raised cosine."""
    return sum(high * (0.5 - 0.5 * np.cos(2 * np.pi * (t - a) / (b - a))) for a, b, high in moves if a < t < b)


def number(value):
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def write_portrait(file, person, look, side):
    from PIL import Image

    at_rest = np.zeros(faces.VALUES, np.float32)
    portrait = draw.draw(faces.Person.of_seed(person), faces.Look.of_seed(look), at_rest, side)
    Image.fromarray(portrait).save(file, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--second", type=pathlib.Path)
    options = parser.parse_args()
    folder = options.folder
    write_portrait(folder / "portraits" / "toyface.png", PERSON, LOOK, SIDE)
    if options.second:
        write_portrait(options.second, SECOND_PERSON, SECOND_LOOK, SECOND_SIDE)
    lines = [",".join(["time", *COLUMNS])]
    for index in range(round(LENGTH * RATE) + 1):
        t = index / RATE
        lines.append(",".join([number(t), *(number(at(MOVES[name], t)) for name in COLUMNS)]))
    (folder / "tracks" / "toyface.csv").write_bytes(("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    main()
