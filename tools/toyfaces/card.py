"""The model card of an exported checkpoint: what its training took, and what evaluate.py found.

python card.py RUN FOLDER [--evaluation RUN/evaluation.json]      writes FOLDER/README.md
"""

import argparse
import csv
import json
import pathlib

import networks

STAGES = {
    "vae": "VAE", "recogniser": "recogniser", "base": "text model and UNet",
    "expression": "expression adapter", "reference": "reference adapter",
}  # fmt: skip
CARD = """# Toy faces: a checkpoint that paints drawn faces

A test instrument and an example, trained from scratch on procedurally drawn cartoon faces by `tools/toyfaces`.
**It is not the Arc2Face model**, holds nothing of its weights, and says nothing about its quality. It has the same
architecture at a small width, the same files and the same names, so everything that moue does with the real model can
be tried and measured with it.

It paints {side}x{side} pictures of faces such as `examples/portraits/toyface.png`, moved by eight of the 55 FLAME
values as in `examples/tracks/toyface.csv`: `exp_00` smile, `exp_01` width of the mouth, `exp_02` brows, `exp_03` the
mouth's and `exp_04` the brows' asymmetry, both eyelids, and `jaw_x`. What these components move is its own convention,
not FLAME's; `map.npz` (`--map`) leads to them from ARKit's coefficients and back. The recogniser
(`antelopev2/arcface.onnx`) knows drawn faces only. Weights are f16, the recogniser's f32.

| run | trained | steps | hours by the clock | core hours | last loss |
| --- | --- | --- | --- | --- | --- |
{rows}

{cores} core hours in all, where they were counted; stages of one run may have run at once. Where there is more than one
run, each began from the weights of the one before.
{found}
Licence: as the rest of this repository. No photograph and no published weight went into it.
"""
FOUND = """
## What it does

By `evaluate.py`, {persons} persons and looks that it was not trained on, DPM-Solver++ in {steps} steps, guidance 3:

| driven part | correlation of asked and seen: mean | worst |
| --- | --- | --- |
{parts}

- Identity, as cosines of the recogniser's vectors: a frame with its clip's mean {within} or more, two persons' frames
  {between} or less, a frame with its portrait {least} or more ({own} on average), with another's {wrong} or less.
- Hair and background: a mean error of {with_} with the reference adapter, {without} without (pixels 0 to 1).
- Guidance 1, 3, 5: cosine with the portrait {cosines}; movement of the jaw {jaws}; mean
  correlation {means}.
- Few steps, mean correlation over the parts: {few}.
"""


FIELDS = ["run", "trained", "steps", "hours", "core_hours", "loss"]


def last_row(run, stage):
    """Steps, hours and loss of the log's last line."""
    file = run / f"{stage}.csv"
    lines = file.read_text().splitlines() if file.exists() else []
    if not lines:
        return None
    step, seconds, numbers = lines[-1].split(",", 2)
    numbers = {key: float(value) for key, value in (pair.split("=") for pair in numbers.split(","))}
    return {
        "trained": STAGES[stage], "steps": step, "hours": f"{int(seconds) / 3600:.2f}",
        "core_hours": f"{numbers['core_seconds'] / 3600:.2f}", "loss": f"{numbers['loss']:.4f}",
    }  # fmt: skip


def history(run):
    """What all runs took that led to this checkpoint, by `FIELDS`."""
    file, rows = run / "before.csv", []
    if file.exists():
        with file.open() as table:
            rows = list(csv.DictReader(table))
    number = 1 + max([int(row["run"]) for row in rows], default=0)
    return rows + [{"run": number} | row for stage in STAGES if (row := last_row(run, stage))]


def write_history(run, file):
    with file.open("w", newline="") as table:
        writer = csv.DictWriter(table, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history(run))


def answers(found):
    """What evaluate.py wrote, in words."""

    def listed(key):
        return ", ".join(str(row[key]) for row in found["guidance"].values())

    identity, error = found["identity"], found["error around the face"]
    few = [f"{name} {sum(parts.values()) / len(parts):.2f}" for name, parts in found["few steps"].items()]
    return FOUND.format(
        persons=found["persons"], steps=found["steps"],
        parts="\n".join(f"| {name} | {mean} | {worst} |" for name, (mean, worst) in found["correlation"].items()),
        within=identity["least cosine with the clip's mean"],
        between=identity["largest cosine between two persons' frames"],
        own=identity["mean cosine with the portrait"], least=identity["least cosine with the portrait"],
        wrong=identity["largest cosine with another's portrait"], with_=error["with"], without=error["without"],
        cosines=listed("cosine with the portrait"), jaws=listed("movement of the jaw"),
        means=listed("mean correlation"), few="; ".join(few),
    )  # fmt: skip


def card(run, side, evaluation=None):
    rows = history(run)
    lines = ["| " + " | ".join(str(row[field]) or "-" for field in FIELDS) + " |" for row in rows]
    found = answers(json.loads(evaluation.read_text())) if evaluation else ""
    cores = sum(float(row["core_hours"] or 0) for row in rows)
    return CARD.format(side=side, rows="\n".join(lines), cores=f"{cores:.1f}", found=found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--evaluation", type=pathlib.Path)
    options = parser.parse_args()
    text = card(options.run, networks.config(options.run)["side"], options.evaluation)
    (options.folder / "README.md").write_text(text)


if __name__ == "__main__":
    main()
