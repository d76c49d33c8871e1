"""What a checkpoint consists of, and a name for its weights: what was measured of some is not told of others."""

import hashlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
PARTS = ["antelopev2", "arc2face", "encoder", "exp_adapter", "ref_adapter", "vae", "scheduler", "tokenizer"]
# The first line of its README.md, by which a folder with such a checkpoint is known.
TITLE = "# Toy faces: a checkpoint that paints drawn faces"


def fingerprint(folder):
    """Of all that networks are read from."""
    found = hashlib.sha256()
    for part in PARTS:
        for file in sorted(file for file in (pathlib.Path(folder) / part).rglob("*") if file.is_file()):
            found.update(f"{file.relative_to(folder).as_posix()} {file.stat().st_size}\n".encode())
            found.update(file.read_bytes())
    return found.hexdigest()[:16]


def require(folder):
    """Ends the program where a folder has no whole checkpoint."""
    if missing := [part for part in PARTS if not (pathlib.Path(folder) / part).is_dir()]:
        sys.exit(f"{folder}: no folder {missing[0]} in it; a checkpoint as export.py writes it is needed")


def refuse_others(out):
    """Ends the program where an export would replace what no export wrote: another model, or another text."""
    card = out / "README.md"
    ours = card.exists() and card.read_text(errors="replace").startswith(TITLE)
    others = [name for name in [*PARTS, card.name] if (out / name).exists()]
    if others and not ours:
        sys.exit(f"{out} holds {others[0]}, which is of no checkpoint of toy faces: name another folder")
