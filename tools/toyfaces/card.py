"""The model card of an exported checkpoint: what its training took, and what was measured of these very weights.

    python card.py FOLDER [--evaluation FILE] [--moue FILE]      writes FOLDER/README.md

The training is told by FOLDER/training.csv. What `evaluate.py --json` found and what moue's own test printed are taken
from evaluation.json and moue.json, in FOLDER or else in measured/ here. Each says which weights it is of; what is of
others is left out, and refused if it was named.
"""

import argparse
import csv
import json
import pathlib
import sys
import textwrap

from checkpoint import HERE, TITLE, fingerprint, require

STAGES = {
    "vae": "VAE", "recogniser": "recogniser", "base": "text model and UNet",
    "expression": "expression adapter", "reference": "reference adapter",
}  # fmt: skip
# A paragraph is one line here, and `wrapped` when its numbers are in it.
CARD = f"""{TITLE}

A test instrument and an example, trained from scratch on procedurally drawn cartoon faces by `tools/toyfaces`. \
**It is not the Arc2Face model**, holds nothing of its weights, and says nothing about its quality. It has the same \
architecture at a small width, the same files and the same names, so everything that moue does with the real model can \
be tried and measured with it.

It paints {{side}}x{{side}} pictures of faces such as `examples/portraits/toyface.png`, moved by eight of the 55 FLAME \
values as in `examples/tracks/toyface.csv`: `exp_00` smile, `exp_01` width of the mouth, `exp_02` brows, `exp_03` the \
mouth's and `exp_04` the brows' asymmetry, both eyelids, and `jaw_x`. What these components move is its own \
convention, not FLAME's{{map}}. The recogniser (`antelopev2/arcface.onnx`) knows drawn faces only. Weights are f16, \
the recogniser's f32. From the repository's folder:

```sh
mkdir -p out
moue animate examples/portraits/toyface.png examples/tracks/toyface.csv --renderer diffusion \\
  --models {{where}} -o out/toyface-diffusion.mp4
```

| run | trained | steps | hours by the clock | core hours | last loss |
| --- | --- | --- | --- | --- | --- |
{{rows}}

{{cores}} core hours in all, where they were counted; stages of one run may have run at once. Where there is more than \
one run, each began from the weights of the one before.
{{found}}
Licence: as the rest of this repository. No photograph and no published weight went into it.
"""
MAP = "; `map.npz` (`--map`) leads to them from ARKit's coefficients and back"
MOUE = """
By moue itself, as `crates/diffusion/tests/toyfaces` asks it (`{command}`): {text}
"""
FOUND = """
By `python tools/toyfaces/evaluate.py {where}{found[options]}`, of persons and looks that it was not trained on, \
DPM-Solver++ in {found[steps]} steps, guidance 3. {verdict}

{table}

- Identity, as cosines of the recogniser's vectors, {who[persons]} persons in {who[frames of each]} frames each: \
{who[nearest to their own portrait]} of the frames are nearest to their own portrait among all ({fewest[1]} of person \
{fewest[0]}'s). Two frames of a clip have {within[median]} as the median, {within[5 %]} or less in 5 of 100 pairs; \
frames of two persons {between[median]}, {between[95 %]} or more in 5 of 100 pairs. A frame and its portrait have \
{own[median]}, {own[5 %]} or less in 5 of 100 frames; with another's {other[median]}, {other[95 %]} or more in 5 of 100.
- Weak there: the two frames of one clip that are least alike have {within[least][1]} (person {within[least][0]}), and \
two frames of two persons up to {between[largest]}, so a single pair of frames does not tell whether it shows one \
person. Some drawn persons are alike to begin with: the portraits of {alike[0]} and {alike[1]} have {alike[2]}.
- Hair and background: a mean error of {error[with]} with the reference adapter, {error[without]} without (pixels 0 \
to 1).
- Guidance 1, 3, 5, of the first person: cosine with the portrait {cosines}; movement of the jaw {jaws}; mean \
correlation {means}.
- In few steps: {few}.
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


def parts_table(found):
    """Correlations by part: as it is usually painted, then in few steps."""
    few = found["few steps"]
    head = ["driven part", "correlation of asked and seen", f"worst of {found['persons']} persons", "whose"]
    lines = [head + [f"{name}: mean, worst" for name in few], ["---"] * (len(head) + len(few))]
    for part, row in found["correlation"].items():
        lines.append([part, *row] + [f"{rows[part][0]}, {rows[part][1]}" for rows in few.values()])
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def wrapped(text):
    """Long lines that are no table's broken at 120 letters."""
    lines = []
    for line in text.splitlines():
        indent = "  " if line.startswith("- ") else ""
        broken = textwrap.wrap(line, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        lines += broken if len(line) > 120 and not line.startswith("|") else [line]
    return "\n".join(lines) + "\n"


def answers(found, where):
    """What evaluate.py wrote, in words."""

    def listed(key):
        return ", ".join(str(row[key]) for row in found["guidance"].values())

    def of_few(name, rows):
        worst = min(rows, key=lambda part: rows[part][1])
        mean = sum(mean for mean, _, _ in rows.values()) / len(rows)
        return f"{name} {mean:.2f} over all parts, at worst {rows[worst][1]:.2f} ({worst}, person {rows[worst][2]})"

    who, failed = found["identity"], ", ".join(found["failed"])
    verdict = f"Limits missed: {failed}." if failed else "All its limits are met."
    verdict += " Of each part it asks for a mean of 0.9 over the persons."
    if weak := found["weak parts"]:
        verdict += f" The worst person has less in {', '.join(weak)}."
    return FOUND.format(
        found=found, verdict=verdict, where=where, table=parts_table(found),
        who=who, fewest=who["the person with the fewest"],
        within=who["frames of a clip"], between=who["frames of two persons"], own=who["with the own portrait"],
        other=who["with others' portraits"], alike=who["portraits most alike"], error=found["error around the face"],
        cosines=listed("cosine with the portrait"), jaws=listed("movement of the jaw"),
        means=listed("mean correlation"),
        few="; ".join(of_few(*pair) for pair in found["few steps"].items()),
    )  # fmt: skip


def belonging(folder, place, name, given=None):
    """What a JSON file says of the weights in `folder`; None where there is none of these weights."""
    for file in [given] if given else [place / name, HERE / "measured" / name]:
        if not given and not file.exists():
            continue
        told = json.loads(file.read_text())
        if told["weights"] == fingerprint(folder):
            return told
        if given:
            sys.exit(f"{file} is of other weights than those in {folder}")
        if file.parent == place:
            print(f"{file} is of other weights: not told in the card")
    return None


def card(folder, evaluation=None, moue=None, place=None):
    """Of the checkpoint in `folder`; `place`: where it is going to be."""
    place = (place or folder).resolve()
    with (folder / "training.csv").open() as table:
        rows = list(csv.DictReader(table))
    lines = ["| " + " | ".join(row[field] or "-" for field in FIELDS) + " |" for row in rows]
    found = belonging(folder, place, "evaluation.json", evaluation)
    seen = belonging(folder, place, "moue.json", moue)
    repository = HERE.parents[1]
    where = place.relative_to(repository) if place.is_relative_to(repository) else place
    told = (MOUE.format(**seen) if seen else "") + (answers(found, where) if found else "")
    return wrapped(CARD.format(
        side=json.loads((folder / "vae" / "config.json").read_text())["sample_size"],
        map=MAP if (place / "map.npz").exists() else "",
        where=where, rows="\n".join(lines), cores=f"{sum(float(row['core_hours'] or 0) for row in rows):.1f}",
        found=f"\n## What it does\n{told}" if told else "",
    ))  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--evaluation", type=pathlib.Path, help="what evaluate.py --json wrote of these weights")
    parser.add_argument("--moue", type=pathlib.Path, help="what moue's own test printed, with the weights it is of")
    options = parser.parse_args()
    require(options.folder)
    (options.folder / "README.md").write_text(card(options.folder, options.evaluation, options.moue))


if __name__ == "__main__":
    main()
