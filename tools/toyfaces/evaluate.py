"""Asks an exported checkpoint what it has learnt, of persons and looks that nothing was trained on.

    python evaluate.py FOLDER [--persons 3] [--gallery 12] [--steps 12] [--sheet OUT.png] [--json OUT.json]

The questions: does each driven part move as asked (correlation with what is read back from the pictures); is the
person the same over a clip and different between two; does the reference bring hair and background; does guidance
act; does sampling in few steps still follow. Exits with 1 where one of the first three fails: a part whose mean over
the persons is below 0.9; less than 95 of 100 frames that are nearest to their own portrait, or a clip's median pair of
frames no more alike than 95 of 100 pairs of two persons; half of the error around the face and more.

All is asked of --persons, but for the person's identity, which is asked of --gallery persons, in fewer frames each.
"""

import argparse
import json
import sys

import numpy as np
import torch
from PIL import Image

import draw
import faces
import readback
from checkpoint import fingerprint, require
from data import HELD_OUT
from likeness import likeness
from model import Model
from sheet import sheet

LEAST_CORRELATION, LEAST_NEAREST, LARGEST_ERROR = 0.9, 0.95, 0.5
# What model.paint takes unless it is told otherwise.
GUIDANCE = 3.0
# Who and which frames are asked for less than all is asked of.
FEWER = 5


def clip(points=7):
    """One driven part after the other over its range, then all at once."""
    rows = []
    for index, low, high in faces.DRIVEN.values():
        for value in np.linspace(low, high, points):
            row = np.zeros(faces.VALUES, np.float32)
            row[index] = value
            rows.append(row)
    rng = np.random.default_rng(7)
    return np.stack(rows + [faces.random_expression(rng) for _ in range(2 * points)])


def around_the_face(person, side):
    """Where hair, background and clothes are, whatever the expression."""
    line = (np.arange(side) + 0.5) / side
    xs, ys = line[None], line[:, None]
    values = np.zeros(faces.VALUES)
    values[faces.JAW] = 0.45
    face = draw.face_outline(xs, ys, person, faces.Pose.of(values)) < 0.03
    return ~face & ((np.abs(xs - 0.5) > 0.18) | (ys < 0.7))


def means(tables, names):
    """Mean of each part over the persons, worst, and whose that is."""
    found = {}
    for part in tables[0]:
        row = [table[part] or 0 for table in tables]
        worst = int(np.argmin(row))
        found[part] = [round(float(np.mean(row)), 3), round(float(row[worst]), 3), names[worst]]
    return found


def identity(model, portraits, clips, values, steps, names):
    """Of those who have whole clips and of those who have not; the latter's few frames are painted here."""
    few = [frames[::FEWER] for frames in clips]
    few += [model.paint(portrait, values[::FEWER], steps=steps) for portrait in portraits[len(clips) :]]
    return likeness(model.identity(portraits), [model.identity(frames) for frames in few], names)


def guided(model, portrait, values, usual, steps):
    """What guidance does to the first person, and some frames of each."""
    found, shown, own = {}, [], model.identity([portrait])[0]
    for guidance in (1.0, GUIDANCE, 5.0):
        frames = usual if guidance == GUIDANCE else model.paint(portrait, values, steps=steps, guidance=guidance)
        rows = readback.correlations(values, frames)
        spread = float(np.std([readback.measure(frame)["jaw_open"] for frame in frames]))
        found[guidance] = {
            "cosine with the portrait": round(float((model.identity(frames) @ own).mean()), 3),
            "movement of the jaw": round(spread, 4),
            "mean correlation": round(float(np.mean([r or 0 for r in rows.values()])), 3),
        }  # fmt: skip
        shown += list(frames[:: len(frames) // 12][:12])
    return found, shown


def ask(model, side, options):
    values, found, shown = clip(), {"persons": options.persons, "steps": options.steps}, []
    still, count = np.zeros(faces.VALUES, np.float32), max(options.persons, options.gallery)
    names = [HELD_OUT + seed for seed in range(count)]
    people = [faces.Person.of_seed(seed) for seed in names]
    looks = [faces.Look.of_seed(seed) for seed in names]
    portraits = [draw.draw(one, look, still, side) / 255 for one, look in zip(people, looks, strict=True)]
    clips = [model.paint(portrait, values, steps=options.steps) for portrait in portraits[: options.persons]]
    found["correlation"] = means([readback.correlations(values, frames) for frames in clips], names)
    found["identity"] = identity(model, portraits, clips, values, options.steps, names)

    few = values[::6]
    errors = {"with": [], "without": []}
    for person, portrait, frames in zip(people[: options.persons], portraits[: options.persons], clips, strict=True):
        mask = around_the_face(person, side)
        plain = model.paint(portrait, few, steps=options.steps, reference=None)
        errors["with"].append(float(np.abs(frames[::6] - portrait)[:, mask].mean()))
        errors["without"].append(float(np.abs(plain - portrait)[:, mask].mean()))
        shown += [portrait, *frames[:: len(frames) // 9][:9], *plain[:2]]
    found["error around the face"] = {name: round(float(np.mean(e)), 4) for name, e in errors.items()}

    found["guidance"], more = guided(model, portraits[0], values, clips[0], options.steps)
    shown += more
    found["few steps"] = {}
    for name, scheduler, steps, guidance in (("dpmpp 6", "dpmpp", 6, 3.0), ("lcm 4", "lcm", 4, 1.0)):
        asked = {"scheduler": scheduler, "steps": steps, "guidance": guidance}
        clips = [model.paint(portrait, values, **asked) for portrait in portraits[: options.persons]]
        found["few steps"][name] = means([readback.correlations(values, frames) for frames in clips], names)
        shown += list(clips[0][:: len(values) // 12][:12])
    return found, shown


def failures(found):
    """The questions that were not answered well."""
    who, error = found["identity"], found["error around the face"]
    failed = [part for part, (mean, _, _) in found["correlation"].items() if mean < LEAST_CORRELATION]
    if who["nearest to their own portrait"] < LEAST_NEAREST:
        failed.append("the portrait's identity")
    if who["frames of a clip"]["median"] <= who["frames of two persons"]["95 %"]:
        failed.append("identity over a clip")
    if error["with"] > LARGEST_ERROR * error["without"]:
        failed.append("reference")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--persons", type=int, default=3)
    parser.add_argument("--gallery", type=int, default=12, help="persons whose identity is asked for; 2 or more")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sheet")
    parser.add_argument("--json")
    options = parser.parse_args()
    if options.persons < 1 or options.gallery < 2:
        parser.error("--persons must be at least 1, --gallery at least 2")
    require(options.folder)
    torch.set_num_threads(options.threads)
    model = Model(options.folder)
    found, shown = ask(model, model.vae.config.sample_size, options)
    found["failed"] = failed = failures(found)
    # For the card: parts that are below the limit for somebody, how it was asked, and of which weights.
    found["weak parts"] = [part for part, (_, worst, _) in found["correlation"].items() if worst < LEAST_CORRELATION]
    told = {name: getattr(options, name) for name in ("persons", "gallery", "steps")}
    found["options"] = "".join(f" --{name} {n}" for name, n in told.items() if n != parser.get_default(name))
    found["weights"] = fingerprint(options.folder)
    print(json.dumps(found, indent=1))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(found, file, indent=1)
    if options.sheet:
        Image.fromarray(sheet([(np.array(p) * 255 + 0.5).astype(np.uint8) for p in shown], 12)).save(options.sheet)
    print("failed: " + ", ".join(failed) if failed else "all questions answered well")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
