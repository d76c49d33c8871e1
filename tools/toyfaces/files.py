"""Files that are whole or not there, and one process at a time for each of a run's stages."""

import fcntl
import os
import pathlib
import sys

# Open as long as this process lives.
LOCKS = []


def write_text(file, text):
    """Never half written, whatever ends the program."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(text)
    part.replace(file)


def lock(run, stage):
    """Holds RUN/STAGE.lock for as long as this process lives, or ends it: two would train the same files."""
    file = (pathlib.Path(run) / f"{stage}.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        sys.exit(f"{stage}: process {file.read().strip() or '?'} is at it in {run}; wait for it or end it")
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    # The system lets go of it when the process is gone, however it ended.
    LOCKS.append(file)
