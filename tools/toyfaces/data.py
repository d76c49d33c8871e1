"""The pictures to train on, drawn once and kept on disk.

    python data.py RUN [--persons 3000] [--side 128] [--processes 2]

Each person has two looks, each look four expressions: pictures.npy (N, side, side, 3) of uint8 and values.npy (N, 55).
Picture i shows person i // 8 in look i // 4. Stopped and started again, it goes on where it was: pictures.done says how
many there are, and is written last, so without it the other two are begun anew.
"""

import argparse
import multiprocessing
import pathlib
import shutil
import signal
import sys
import time

import numpy as np

import draw
import faces
from files import lock, write_text

LOOKS, EXPRESSIONS = 2, 4
PER_PERSON = LOOKS * EXPRESSIONS
# Persons and looks from this seed on are never trained on.
HELD_OUT = 10_000_000


def expression_of(index):
    """Of a picture; the first of each look is at rest in every other person."""
    values = faces.random_expression(np.random.default_rng([3, index]))
    at_rest = index % EXPRESSIONS == 0 and index // PER_PERSON % 2 == 0
    return np.zeros_like(values) if at_rest else values


def picture_of(index, side):
    person, look = faces.Person.of_seed(index // PER_PERSON), faces.Look.of_seed(index // EXPRESSIONS)
    return draw.draw(person, look, expression_of(index), side)


def fill(job):
    folder, start, end, side = job
    pictures = np.lib.format.open_memmap(folder / "pictures.npy", "r+")
    for index in range(start, end):
        pictures[index] = picture_of(index, side)
    pictures.flush()
    return end


class Pictures:
    """What `data.py` wrote, as far as it is."""

    def __init__(self, run):
        run = pathlib.Path(run)
        self.pictures = np.load(run / "pictures.npy", mmap_mode="r")
        self.values = np.load(run / "values.npy")
        self.count = int((run / "pictures.done").read_text())
        self.count -= self.count % PER_PERSON

    def batch(self, indices):
        """(N, 3, side, side) of -1..1."""
        import torch

        chosen = np.ascontiguousarray(self.pictures[indices])
        return torch.from_numpy(chosen).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def shape_of(run):
    """Of pictures.npy, (N, side, side, 3), as far as it was begun; else None."""
    if not (run / "pictures.done").exists():
        return None
    return np.load(run / "pictures.npy", mmap_mode="r").shape


def prepare(run, count, side):
    """The files as they are before the first picture."""
    room, needed = shutil.disk_usage(run).free, count * side * side * 3
    if room < needed:
        # The file has no blocks at first: the disk would be full in the middle of a picture.
        sys.exit(f"pictures.npy takes {needed / 1e9:.1f} GB, and {run} has room for {room / 1e9:.1f}")
    np.lib.format.open_memmap(run / "pictures.npy", "w+", np.uint8, (count, side, side, 3)).flush()
    np.save(run / "values.npy", np.stack([expression_of(i) for i in range(count)]))
    write_text(run / "pictures.done", "0")


def deaf():
    """For the processes that draw: Ctrl-C is the main one's to hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--persons", type=int, default=3000)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    run, count, side = options.run, options.persons * PER_PERSON, options.side
    run.mkdir(parents=True, exist_ok=True)
    lock(run, "data")
    if shape_of(run) is None:
        prepare(run, count, side)
    if (found := shape_of(run)[:2]) != (count, side):
        sys.exit(f"{run} has pictures of {found[0] // PER_PERSON} persons, {found[1]} pixels wide")
    done = run / "pictures.done"
    start, began, step = int(done.read_text()), time.time(), 200
    jobs = [(run, at, min(at + step, count), side) for at in range(start, count, step)]
    with multiprocessing.Pool(options.processes, deaf) as pool:
        for end in pool.imap(fill, jobs):
            write_text(done, str(end))
            if end % 2000 == 0 or end == count:
                print(f"{end} of {count} pictures, {(end - start) / (time.time() - began):.0f} a second", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on with it")
