"""Reads what check.sh left in a folder and prints it as one table.

    python3 tests/gpu/table.py FOLDER DATE HARDWARE DEVICE FRAMES

bench.LABEL.DTYPE.jsonl and pytorch.MODE.DTYPE.jsonl hold one measurement a line,
{"what": ..., "seconds": ...}; the .mib beside each is the peak of memory in MiB.
"frames" of bench are FRAMES frames; the table has the time of one.
"""

import json
import pathlib
import sys

# What our runs call a frame, and what benches/pytorch.py calls the same work.
SAME = {("4-steps", "frames"): "frame_4_steps"}


def lines(path):
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            found.append((str(row["what"]), float(row["seconds"]), row))
        except (ValueError, KeyError, TypeError) as problem:
            sys.exit(f"{path}:{number}: not a measurement ({problem!r}): {line[:120]}")
    return found


def mib(path):
    peak = path.with_suffix(".mib")
    return int(peak.read_text()) if peak.exists() else None


def runs(folder, kind):
    """(label or mode, dtype, path) of every file of a kind."""
    for path in sorted(folder.glob(f"{kind}.*.jsonl")):
        _, label, dtype, _ = path.name.split(".")
        yield label, dtype, path


def shown(seconds):
    return "–" if seconds is None else f"{seconds:.3f} s" if seconds >= 1 else f"{seconds * 1000:.2f} ms"


def ratio(theirs, ours):
    return "–" if theirs is None or not ours else f"{theirs / ours:.2f}×"


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def main():
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    folder, (date, hardware, device, frames) = pathlib.Path(sys.argv[1]), sys.argv[2:]
    print(f"{date}, {device}: {hardware}\n")

    parity = folder / "parity.tsv"
    if parity.exists():
        table(["goldens", "type", "parity"], [line.split("\t") for line in parity.read_text().splitlines()])

    theirs, versions = {}, set()
    for mode, dtype, path in runs(folder, "pytorch"):
        for what, seconds, row in lines(path):
            theirs[mode, dtype, what] = seconds
            versions.add(row.get("torch", "of an unknown version"))

    rows, compared = [], set()
    for label, dtype, path in runs(folder, "bench"):
        peak = mib(path)
        for what, seconds, row in lines(path):
            if what == "frames":
                seconds /= int(frames)
            same = SAME.get((label, what), what)
            eager, compiled = theirs.get(("eager", dtype, same)), theirs.get(("compile", dtype, same))
            compared |= {("eager", dtype, same), ("compile", dtype, same)}
            own = row.get("peak_bytes")
            rows.append(
                [label, "one frame" if what == "frames" else what, dtype, shown(seconds)]
                + [shown(eager), ratio(eager, seconds), shown(compiled), ratio(compiled, seconds)]
                + ["–" if own is None else f"{own / 2**20:.0f} MiB", "–" if peak is None or device == "cpu" else f"{peak} MiB"]
            )
    for (mode, dtype, what), seconds in theirs.items():
        if (mode, dtype, what) not in compared:
            empty = ["–"] * 4
            empty[0 if mode == "eager" else 2] = shown(seconds)
            rows.append(["PyTorch alone", what, dtype, "–", *empty, "–", "–"])
    if rows:
        print(f"PyTorch {', '.join(sorted(versions))}. " if versions else "", end="")
        print("Ratios are PyTorch's time by ours: above 1 we are faster.\n")
        table(
            ["run", "what", "type", "ours", "PyTorch eager", "ratio", "PyTorch compiled", "ratio", "memory", "GPU memory"],
            rows,
        )
    peaks = [(mode, dtype, mib(path)) for mode, dtype, path in runs(folder, "pytorch")]
    if peaks:
        table(
            ["PyTorch", "type", "peak of the process"],
            [[mode, dtype, "–" if peak is None else f"{peak} MiB"] for mode, dtype, peak in peaks],
        )


if __name__ == "__main__":
    main()
