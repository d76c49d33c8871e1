#!/usr/bin/env python3
"""How long a film takes on a farm, by how large its tasks are: a simulation.

A plan is cut into tasks of about so many seconds of work. Machines take one after the other; when all frames are painted,
the pieces are encoded in the same way, and one machine joins them. Nothing but the standard library is needed:

    benches/farm_simulation.py                                   # the table of docs/farm.md
    benches/farm_simulation.py --frame 12 --start 60             # another renderer, slower starts
    benches/farm_simulation.py --receipts plan.farm/receipts/ID  # with the spread of a real run's frames

Assumptions, each an option:
  --frame 3       seconds that a frame takes to paint, in the mean. Nothing has been measured on a GPU yet.
  --spread 0.08   how much tasks' own means differ from that, as a share of it (one standard deviation): that of eight tasks of
                  the mesh renderer on a busy machine; with --receipts, tasks' times are drawn from measured ones instead,
                  scaled to --frame.
  --start 30      seconds from the engine's decision to the first frame: container, program, five gigabytes of models read
                  and hashed, the portrait.
  --dispatch 0.05 seconds that the engine takes to start one task, one after the other: twenty a second.
  --failures 0.02 how often a machine fails or is taken away, in an hour. Frames that it finished are kept; the one under
                  way and the start are lost, and the task waits --requeue 120 seconds.
  --encode 0.004  seconds to encode a frame, in pieces of 20 seconds of film.
  --join 0.0004   seconds to join a frame.
"""

import argparse
import heapq
import json
import pathlib
import random
import statistics

MACHINES = [1, 10, 100, 300, 1000]
TASK_SECONDS = [30, 60, 120, 300, 600, 1800, 3600]


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--fps", type=float, default=24)
    parser.add_argument("--frame", type=float, default=3)
    parser.add_argument("--spread", type=float, default=0.08)
    parser.add_argument("--start", type=float, default=30)
    parser.add_argument("--dispatch", type=float, default=0.05)
    parser.add_argument("--failures", type=float, default=0.02)
    parser.add_argument("--requeue", type=float, default=120)
    parser.add_argument("--encode", type=float, default=0.004)
    parser.add_argument("--join", type=float, default=0.0004)
    parser.add_argument("--shot", type=float, default=4, help="seconds of a shot: no task goes beyond one")
    parser.add_argument("--receipts", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def measured(folder):
    """Seconds of a frame in each task of a real run that drew something."""
    receipts = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return [receipt["took"] / 1e3 / receipt["drawn"] for receipt in receipts if receipt["drawn"]]


def run(tasks, machines, given, draw, rng):
    """Seconds until the last of the tasks, each a number of frames, is done; and the seconds that machines worked."""
    free = [0.0] * machines
    heapq.heapify(free)
    waiting = [(0.0, number, frames) for number, frames in enumerate(tasks)]
    heapq.heapify(waiting)
    dispatched, end, busy = 0.0, 0.0, 0.0
    while waiting:
        ready, number, frames = heapq.heappop(waiting)
        at = max(heapq.heappop(free), ready, dispatched)
        dispatched = at + given.dispatch
        frame = draw()
        length = given.start + frames * frame
        fails = rng.expovariate(given.failures / 3600) if given.failures else float("inf")
        if fails < length:
            done = max(0, int((fails - given.start) / frame))
            heapq.heappush(waiting, (at + fails + given.requeue, number, frames - done))
            length = fails
        busy += length
        end = max(end, at + length)
        heapq.heappush(free, at + length)
    return end, busy


def split(total, shot, each):
    """Frames of each task: whole shots, or parts of them that are about as long as asked."""
    tasks = []
    while total > 0:
        own = min(shot, total)
        tasks += [min(each, own - at) for at in range(0, own, each)]
        total -= own
    return tasks


def main():
    given = options()
    total = round(given.minutes * 60 * given.fps)
    times = measured(given.receipts) if given.receipts else None
    print(f"{given.minutes:g} minutes at {given.fps:g} frames a second: {total} frames of {given.frame:g} s, "
          f"{total * given.frame / 3600:.0f} hours of work; starts of {given.start:g} s")
    if times:
        scale = given.frame / statistics.fmean(times)
        print(f"tasks drawn from {len(times)} measured ones, {statistics.pstdev(times) / statistics.fmean(times):.2f} spread")
    for name, shot in [(f"shots of {given.shot:g} s", round(given.shot * given.fps)), ("one long take", total)]:
        print(f"\n{name}: hours until the film is there, and how much of the machines' time was painting")
        print("task".ljust(10) + "tasks".rjust(8) + "".join(f"{machines} GPU".rjust(16) for machines in MACHINES))
        for seconds in TASK_SECONDS:
            each = max(1, round(seconds / given.frame))
            tasks = split(total, shot, each)
            row = f"{seconds} s".ljust(10) + str(len(tasks)).rjust(8)
            for machines in MACHINES:
                rng = random.Random(given.seed)
                draw = (lambda: rng.choice(times) * scale) if times else (
                    lambda: given.frame * max(0.2, rng.gauss(1, given.spread)))
                painted, _ = run(tasks, machines, given, draw, rng)
                pieces = split(total, round(20 * given.fps), round(20 * given.fps))
                encoded, _ = run(pieces, machines, given, lambda: given.encode, rng)
                wall = painted + encoded + total * given.join
                share = total * given.frame / (wall * machines)
                row += f"{wall / 3600:.2f} h {100 * share:3.0f} %".rjust(16)
            print(row)


if __name__ == "__main__":
    main()
