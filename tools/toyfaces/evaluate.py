"""Asks an exported checkpoint what it has learnt, of persons and looks that nothing was trained on.

    python evaluate.py FOLDER [--persons 3] [--steps 12] [--sheet OUT.png] [--json OUT.json]

The questions: does each driven part move as asked (correlation with what is read back from the pictures); is the
person the same over a clip and different between two; does the reference bring hair and background; does guidance
act; does sampling in few steps still follow. Exits with 1 where one of the first three fails.
"""

import argparse
import itertools
import json
import sys

import numpy as np
import torch
from PIL import Image

import draw
import faces
import readback
from data import HELD_OUT
from model import Model
from sheet import sheet

LEAST_CORRELATION = 0.9
# What model.paint takes unless it is told otherwise.
GUIDANCE = 3.0


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


def means(tables):
    """Mean and worst of each part over the persons."""
    return {name: [round(float(f([t[name] or 0 for t in tables])), 3) for f in (np.mean, np.min)] for name in tables[0]}


def ask(model, persons, side, options):
    values, found, shown = clip(), {"persons": persons, "steps": options.steps}, []
    still = np.zeros((1, faces.VALUES), np.float32)
    people = [faces.Person.of_seed(HELD_OUT + seed) for seed in range(persons)]
    looks = [faces.Look.of_seed(HELD_OUT + seed) for seed in range(persons)]
    portraits = [draw.draw(p, l, still[0], side) / 255 for p, l in zip(people, looks, strict=True)]
    clips = [model.paint(portrait, values, steps=options.steps) for portrait in portraits]
    tables = [readback.correlations(values, frames) for frames in clips]
    found["correlation"] = means(tables)

    vectors = [model.identity(frames) for frames in clips]
    own = model.identity(portraits)
    within = min((rows @ rows.mean(0) / np.linalg.norm(rows.mean(0))).min() for rows in vectors)
    between = max((a @ b.T).max() for a, b in itertools.combinations(vectors, 2))
    cosines = [[rows @ portrait for portrait in own] for rows in vectors]
    wrong = max(cosines[a][b].max() for a, b in itertools.permutations(range(persons), 2))
    found["identity"] = {
        "least cosine with the clip's mean": round(float(within), 3),
        "largest cosine between two persons' frames": round(float(between), 3),
        "mean cosine with the portrait": round(float(np.mean([cosines[a][a] for a in range(persons)])), 3),
        "least cosine with the portrait": round(float(min(cosines[a][a].min() for a in range(persons))), 3),
        "largest cosine with another's portrait": round(float(wrong), 3),
    }
    few = values[::6]
    errors = {"with": [], "without": []}
    for person, portrait, frames in zip(people, portraits, clips, strict=True):
        mask = around_the_face(person, side)
        plain = model.paint(portrait, few, steps=options.steps, reference=None)
        errors["with"].append(float(np.abs(frames[::6] - portrait)[:, mask].mean()))
        errors["without"].append(float(np.abs(plain - portrait)[:, mask].mean()))
        shown += [portrait, *frames[:: len(frames) // 9][:9], *plain[:2]]
    found["error around the face"] = {name: round(float(np.mean(e)), 4) for name, e in errors.items()}

    found["guidance"] = {}
    for guidance in (1.0, GUIDANCE, 5.0):
        usual = guidance == GUIDANCE
        frames = clips[0] if usual else model.paint(portraits[0], values, steps=options.steps, guidance=guidance)
        cosine = float((model.identity(frames) @ own[0]).mean())
        rows = readback.correlations(values, frames)
        spread = float(np.std([readback.measure(frame)["jaw_open"] for frame in frames]))
        found["guidance"][guidance] = {
            "cosine with the portrait": round(cosine, 3), "movement of the jaw": round(spread, 4),
            "mean correlation": round(float(np.mean([r or 0 for r in rows.values()])), 3),
        }  # fmt: skip
        shown += list(frames[:: len(frames) // 12][:12])
    found["few steps"] = {}
    for name, scheduler, steps, guidance in (("dpmpp 6", "dpmpp", 6, 3.0), ("lcm 4", "lcm", 4, 1.0)):
        frames = model.paint(portraits[0], values, scheduler=scheduler, steps=steps, guidance=guidance)
        found["few steps"][name] = {k: round(v or 0, 3) for k, v in readback.correlations(values, frames).items()}
        shown += list(frames[:: len(frames) // 12][:12])
    return found, shown


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--persons", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sheet")
    parser.add_argument("--json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = Model(options.folder)
    found, shown = ask(model, options.persons, model.vae.config.sample_size, options)
    print(json.dumps(found, indent=1))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(found, file, indent=1)
    if options.sheet:
        Image.fromarray(sheet([(np.array(p) * 255 + 0.5).astype(np.uint8) for p in shown], 12)).save(options.sheet)
    identity, error = found["identity"], found["error around the face"]
    failed = [name for name, (mean, _) in found["correlation"].items() if mean < LEAST_CORRELATION]
    if identity["least cosine with the clip's mean"] <= identity["largest cosine between two persons' frames"]:
        failed.append("identity")
    if identity["least cosine with the portrait"] <= identity["largest cosine with another's portrait"]:
        failed.append("the portrait's identity")
    if error["with"] > 0.5 * error["without"]:
        failed.append("reference")
    print("failed: " + ", ".join(failed) if failed else "all questions answered well")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
