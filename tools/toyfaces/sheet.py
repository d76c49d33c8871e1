"""Pictures side by side in one picture.

python sheet.py OUT.png [--count 24] [--side 128]      random faces, each at rest and moved
"""

import argparse

import numpy as np
from PIL import Image

import draw
import faces


def sheet(pictures, columns):
    """Pictures side by side, row after row; missing ones are black."""
    side = pictures[0].shape[0]
    rows = -(-len(pictures) // columns)
    whole = np.zeros((rows * side, columns * side, 3), np.uint8)
    for at, picture in enumerate(pictures):
        y, x = divmod(at, columns)
        whole[y * side : (y + 1) * side, x * side : (x + 1) * side] = picture
    return whole


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--side", type=int, default=128)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    pictures = []
    for seed in range(options.count):
        values = faces.random_expression(rng) if seed % 2 else np.zeros(faces.VALUES, np.float32)
        person, look = faces.Person.of_seed(seed // 2), faces.Look.of_seed(seed // 2)
        pictures.append(draw.draw(person, look, values, options.side))
    Image.fromarray(sheet(pictures, 8)).save(options.out)


if __name__ == "__main__":
    main()
