"""What all stages share: a loop that can be stopped and resumed, an average of the weights, a log."""

import argparse
import copy
import math
import os
import pathlib
import signal
import sys
import time

import numpy as np
import torch

from files import lock
from workers import Workers, rank


# Every so many steps, the average takes in the weights.
AVERAGED = 5


def arguments(doc, steps, batch, rate, unit=1):
    """A parser with the options that every stage has. `unit`: so many pictures are one row of it, not to be parted."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path, help="folder of pictures, checkpoints and logs")
    parser.add_argument("--steps", type=int, default=steps, help=f"in all, resumed ones included ({steps})")
    of = f", in rows of {unit}" if unit > 1 else ""
    parser.add_argument("--batch", type=int, default=batch, help=f"pictures a step, of all workers ({batch}{of})")
    parser.add_argument("--rate", type=float, default=rate, help=f"learning rate at its highest ({rate})")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so long; resume later")
    parser.add_argument("--budget", type=float, default=math.inf, help="minutes in all: ends the stage like --steps")
    parser.add_argument("--threads", type=int, default=2, help="of each worker")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the batch (CPU only)")
    parser.add_argument("--share", type=float, default=1, help="how much of a core a worker may use")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.set_defaults(unit=unit)
    return parser


def begin(parser):
    options = parser.parse_args()
    if options.workers > 1 and options.device.startswith("cuda"):
        parser.error("--workers is for CPUs: one process keeps a GPU busy (--workers 1, or --device cpu)")
    torch.set_num_threads(options.threads)
    if rank() == 0:
        lock(options.run, pathlib.Path(sys.argv[0]).stem)
    share_out(options)
    # For weights at their beginning; each step has a seed of its own.
    torch.manual_seed(options.workers.rank)
    return options


def share_out(options):
    """The batch in whole rows among as many workers as there are rows for, so that all of it stays the same batch.

    Where one has a row more than another, its mean counts as much more: `part`.
    """
    rows = max(options.batch // options.unit, 1)
    options.workers = Workers(min(options.workers, rows), options.share)
    count, rank = options.workers.count, options.workers.rank
    own = rows // count + (rank < rows % count)
    options.whole_batch, options.batch, options.part = rows * options.unit, own * options.unit, own * count / rows


def machine(options):
    """What it is trained on, for people."""
    if options.device.startswith("cuda"):
        return torch.cuda.get_device_name(options.device)
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "CPU")
    return f"{name}, {options.workers.count} x {options.threads} threads of {os.cpu_count()} cores"


def random_of(stage, step, rank=0):
    """Random numbers of one step: the same ones however often the training was stopped before.

    Torch's are seeded with it, since noise comes from there: seeded once at the start of the program, they would be
    those of the first steps again after each stop.
    """
    torch.manual_seed(int(np.random.SeedSequence([sum(stage.encode()), step, rank, 1]).generate_state(1)[0]))
    return np.random.default_rng([sum(stage.encode()), step] + [rank] * (rank > 0))


class Trained(torch.nn.Module):
    """The parts of a stage that learn, by name."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


def weights_file(run, stage):
    return pathlib.Path(run) / f"{stage}.pt"


def load_average(run, stage, module):
    """Puts the averaged weights of a trained stage into `module`; how many steps it has had."""
    state = torch.load(weights_file(run, stage), map_location="cpu")
    module.load_state_dict(state["average"])
    return state["step"]


def train(stage, options, module, loss_of, every=50, keep=200, rates=None):
    """Minimises `loss_of(step, rng)`, which gives the loss and a dict of numbers for the log.

    The learning rate rises over 100 steps and falls to a fiftieth in the last 30 % of the steps or of the budget.
    `rates`: factors of the learning rate by the name of a part of `module`.
    """
    rates, workers = rates or {}, options.workers
    # The average is over about a tenth of the steps.
    decay = 1 - 10 / max(options.steps, 100)
    groups = [
        {"params": [p for p in part.parameters() if p.requires_grad], "factor": rates.get(name, 1.0)}
        for name, part in module.named_children()
    ]
    workers.share_weights(module)
    optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.99), weight_decay=0.0, foreach=True)
    average = copy.deepcopy(module).requires_grad_(False)
    file, step, spent, worked = weights_file(options.run, stage), 0, 0.0, 0.0
    if file.exists():
        state = torch.load(file, map_location=options.device)
        module.load_state_dict(state["weights"])
        average.load_state_dict(state["average"])
        # Without: it begins from another checkpoint's weights.
        if "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
        # A factor may have been changed since.
        for group, (name, _) in zip(optimizer.param_groups, module.named_children(), strict=True):
            group["factor"] = rates.get(name, 1.0)
        step, spent, worked = state["step"], state["seconds"], state.get("core_seconds", 0.0)
        if workers.rank == 0:
            print(f"{stage}: resumed at step {step}", flush=True)
    stopped = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.append(True))

    def save():
        if workers.rank:
            return
        state = {"step": step, "seconds": spent + time.time() - began, "core_seconds": worked + workers.core_seconds()}
        state["weights"] = module.state_dict()
        state |= {"average": average.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(state, file.with_suffix(".part"))
        file.with_suffix(".part").replace(file)

    def tell(log):
        """A line of the means since the last one; the mean loss."""
        means = {k: float(np.mean([row[k] for row in seen if k in row])) for row in seen for k in row}
        text = ",".join(f"{k}={v:.5f}" for k, v in means.items())
        text += f",core_seconds={worked + workers.core_seconds():.0f}"
        log.write(f"{step},{spent + time.time() - began:.0f},{text}\n")
        log.flush()
        return means["loss"]

    def progress(step):
        return max(step / options.steps, (spent + time.time() - began) / 60 / options.budget)

    if workers.rank == 0:
        count = sum(p.numel() for p in module.parameters() if p.requires_grad) / 1e6
        print(f"{stage}: {count:.2f} million parameters learn on {machine(options)}", flush=True)
        print(f"{stage}: {options.whole_batch} pictures a step by {workers.count} workers", flush=True)
    began, seen, latest, over = time.time(), [], math.nan, False
    done = progress(step)
    with (options.run / f"{stage}.csv").open("a") if workers.rank == 0 else open(os.devnull, "w") as log:
        while done < 1 and not over:
            rate = options.rate * min((step + 1) / 100, 1, max((1 - done) / 0.3, 0.02))
            for group in optimizer.param_groups:
                group["lr"] = rate * group["factor"]
            loss, numbers = loss_of(step, random_of(stage, step, workers.rank))
            optimizer.zero_grad(set_to_none=True)
            (loss * options.part).backward()
            over = bool(stopped) or time.time() - began > options.minutes * 60
            done, over = workers.agree(list(module.parameters()), progress(step + 1), over)
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            step += 1
            if step % AVERAGED == 0:
                share = 1 - min(decay**AVERAGED, step / (step + 10))
                pairs = list(zip(average.state_dict().values(), module.state_dict().values(), strict=True))
                floats = [pair for pair in pairs if pair[0].dtype.is_floating_point]
                with torch.no_grad():
                    torch._foreach_lerp_([old for old, _ in floats], [new for _, new in floats], share)
                for old, new in pairs:
                    if not old.dtype.is_floating_point:
                        old.copy_(new)
            seen.append({"loss": loss.item()} | {k: float(v) for k, v in numbers.items()})
            if step % every == 0:
                latest, seen = tell(log), []
            if step % keep == 0:
                save()
            workers.rest()
        latest = tell(log) if seen else latest
    save()
    if workers.rank == 0:
        hours = (spent + time.time() - began) / 3600
        print(f"{stage}: {step} of {options.steps} steps, {hours:.2f} hours, loss {latest:.4f}", flush=True)
    return average
