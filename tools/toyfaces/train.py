"""All stages: pictures; VAE and recogniser; latents; base; the two adapters.

    python train.py RUN [--out FOLDER]

Stopped (Ctrl-C or SIGTERM) and started again with the same arguments, it goes on where it was. Larger or longer:

    --width 2      twice the channels of VAE and UNet
    --side 256     pictures of 256x256
    --longer 3     three times the steps
    --persons N    how many persons are drawn to train on
    --begin FOLDER go on from a checkpoint's weights and sizes instead of from nothing, in a new RUN: VAE and recogniser
                   stay as they are
    --workers 3    how many processes of one thread share a stage, or the stages that run at once; the default is 2.
                   The batch stays as large; of more workers than it has rows, some are not started
    --device cuda  where to train; the default is a GPU where there is one, which takes one process, whatever --workers

The sizes are written to RUN/config.json when a run begins and stay as they are: what contradicts them later is refused.
--longer may grow later, for the base and what comes after it. With --out, the checkpoint is written there in the end.
"""

import argparse
import math
import pathlib
import signal
import subprocess
import sys

import torch

from checkpoint import refuse_others
from files import lock
from sizes import settle

HERE = pathlib.Path(__file__).resolve().parent
AGAIN = "the same command goes on with it"
# Stages that run at once, with their steps.
ROUNDS = [{"vae": 5000, "recogniser": 2400}, {"base": 4600}, {"expression": 4400}, {"reference": 1400}]


def start(script, *arguments):
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    print("+", " ".join(command[1:]), flush=True)
    return subprocess.Popen(command)


def together(jobs, one_by_one=False):
    """Runs scripts with their arguments, at once or one by one."""
    running = []
    try:
        for job in jobs:
            running.append(start(*job))
            if one_by_one and running[-1].wait():
                break
        codes = [process.wait() for process in running]
    except KeyboardInterrupt:
        # Ctrl-C in a terminal reaches all of them, a signal perhaps this process alone. They save what they have.
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
        sys.exit(f"stopped; {AGAIN}")
    if failed := {job[0]: code for job, code in zip(jobs, codes, strict=False) if code}:
        why = "failed, and would again: it says why above"
        if all(code < 0 for code in failed.values()):
            why = f"was ended from outside; {AGAIN}"
        sys.exit(f"{', '.join(failed)} {why}")


def interrupt(*_):
    raise KeyboardInterrupt


def done_steps(folder, stage):
    """How many steps a stage has had."""
    file = folder / f"{stage}.pt"
    return torch.load(file, map_location="cpu")["step"] if file.exists() else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--width", type=float)
    parser.add_argument("--side", type=int)
    parser.add_argument("--longer", type=float, default=1)
    parser.add_argument("--persons", type=int)
    parser.add_argument("--begin", type=pathlib.Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--one-by-one", action="store_true", help="no two stages at once, as for one GPU")
    options = parser.parse_args()
    numbers = ("width", "side", "longer", "persons", "workers", "threads")
    if wrong := [name for name in numbers if vars(options)[name] is not None and not 0 < vars(options)[name] < math.inf]:
        parser.error(f"--{wrong[0]}: found {vars(options)[wrong[0]]}, expected a number above 0")
    if options.begin and (options.width or options.side):
        parser.error("--begin takes the checkpoint's sizes: leave out --width and --side")
    if options.out:
        refuse_others(options.out)
    folder = options.run
    folder.mkdir(parents=True, exist_ok=True)
    lock(folder, "train")
    signal.signal(signal.SIGTERM, interrupt)
    if options.begin and not (folder / "before.csv").exists():
        together([("begin.py", folder, options.begin)])
    sizes, persons = settle(folder, options.width, options.side, options.persons)
    common = ["--device", options.device]
    together([("data.py", folder, "--persons", persons, "--side", sizes["side"], "--processes", options.threads)])
    # Once there are latents, or a checkpoint to begin from, the networks that make them stay as they are.
    begun = (folder / "before.csv").exists()
    for stages in ROUNDS[1:] if begun or (folder / "scaling.json").exists() else ROUNDS:
        wanted = {stage: max(int(steps * options.longer), 1) for stage, steps in stages.items()}
        if "base" in wanted and not (folder / "scaling.json").exists():
            together([("latents.py", folder, "--threads", options.threads, *common)])
        missing = {stage: steps for stage, steps in wanted.items() if done_steps(folder, stage) < steps}
        threads = ["--threads", 1, "--workers", max(options.workers // max(len(missing), 1), 1)]
        if options.device.startswith("cuda") or options.workers == 1:
            threads = ["--threads", options.threads]
        jobs = []
        for stage, steps in missing.items():
            more = ["--text-rate", 0] if begun and stage == "base" else []
            jobs.append((f"train_{stage}.py", folder, *more, "--steps", steps, *common, *threads))
        together(jobs, options.one_by_one)
        if any(done_steps(folder, stage) < steps for stage, steps in missing.items()):
            sys.exit(f"{', '.join(missing)}: stopped; {AGAIN}")
    if options.out:
        together([("export.py", folder, options.out)])


if __name__ == "__main__":
    main()
