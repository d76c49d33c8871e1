"""The sizes of a run: from what is asked for, or as they were when it began, and never what cannot be trained."""

import json
import sys

import networks
from data import PER_PERSON, shape_of
from files import write_text

# Latents are an eighth of a picture, and the VAE learns from parts of half the side.
SIDES, LEAST_SIDE = 16, 64
# The recogniser tells so many apart in each of its steps.
LEAST_PERSONS, PERSONS = 32, 3000
# Groups of the norms, in networks.py.
VAE_GROUPS, UNET_GROUPS = 2, 8


def asked(width, side):
    """All sizes by the factor of the channels and the side of the pictures; None: as usual."""
    sizes = dict(networks.CONFIG, side=side or networks.CONFIG["side"])
    for key in ("vae", "unet", "heads"):
        sizes[key] = [int(count * (width or 1)) for count in sizes[key]]
    return sizes


def faults(sizes, persons):
    """Why networks of these sizes cannot be trained."""
    if sizes["side"] % SIDES or sizes["side"] < LEAST_SIDE:
        yield f"--side {sizes['side']}: a multiple of {SIDES} is needed, {LEAST_SIDE} or more"
    wrong = any(count % VAE_GROUPS or count < VAE_GROUPS for count in sizes["vae"])
    wrong |= any(count % UNET_GROUPS or count < UNET_GROUPS for count in sizes["unet"])
    wrong = wrong or any(not heads or count % heads for count, heads in zip(sizes["unet"], sizes["heads"], strict=True))
    if wrong:
        yield (f"--width: the UNet would have {sizes['unet']} channels with {sizes['heads']} heads, "
               f"the VAE {sizes['vae']}; they must be multiples of {UNET_GROUPS} and of their heads, "
               f"and of {VAE_GROUPS}: "
               "0.5, 1, 1.5, 2, 3 and so on are right")  # fmt: skip
    if persons < LEAST_PERSONS:
        yield f"--persons {persons}: {LEAST_PERSONS} or more are needed"


def contradictions(folder, width, side, persons):
    """What is asked for and is otherwise in a run that has begun."""
    drawn, file = shape_of(folder), folder / "config.json"
    if file.exists():
        have, wanted = networks.config(folder), asked(width, side)
        if side and side != have["side"]:
            yield f"--side {side}: {folder} has {have['side']}"
        if width and any(wanted[key] != have[key] for key in ("vae", "unet", "heads")):
            yield f"--width {width:g}: {folder} has a UNet of {have['unet']} channels"
    elif drawn and (side or networks.CONFIG["side"]) != drawn[1]:
        yield f"--side {side or networks.CONFIG['side']}: the pictures in {folder} have {drawn[1]}"
    if drawn and persons and persons * PER_PERSON != drawn[0]:
        yield f"--persons {persons}: {folder} has pictures of {drawn[0] // PER_PERSON}"


def settle(folder, width, side, persons):
    """Sizes and persons of the run in `folder`, kept there; ends the program where they are wrong."""
    wrong = list(contradictions(folder, width, side, persons))
    if wrong:
        sys.exit("\n".join(wrong) + "\ngo on with what the run has, or begin another folder")
    file, drawn = folder / "config.json", shape_of(folder)
    sizes = networks.config(folder) if file.exists() else asked(width, side)
    persons = persons or (drawn[0] // PER_PERSON if drawn else PERSONS)
    if wrong := list(faults(sizes, persons)):
        sys.exit("\n".join(wrong))
    if not file.exists():
        write_text(file, json.dumps(sizes) + "\n")
    return sizes, persons
