"""Makes the golden tensors of the diffusion renderer, or checks ours against others.

    python make_diffusion.py                        all variants, next to this file
    python make_diffusion.py --variant linear       one of them
    python make_diffusion.py --check CHECKPOINT GOLDENS
        computes every out.* of GOLDENS from its in.* and CHECKPOINT and compares

README.md says what the tensors are. Nothing is downloaded.
"""

import argparse
import json
import os
import pathlib
import shutil
import sys
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.dont_write_bytecode = True
warnings.filterwarnings("ignore", category=UserWarning, module="transformers")
warnings.filterwarnings("ignore", category=FutureWarning)

import torch
from diffusers.utils import logging
from safetensors import safe_open
from safetensors.torch import save_file

import checkpoints
import definitions

HERE = pathlib.Path(__file__).resolve().parent
NUMBERS = {"exp_scale": float, "ref_scale": float, "lcm_scale": float, "cfg": float, "steps": int}
LCM_SCALE = 1.0
# The largest relative L2 difference between two computations in f32. The samplers'
# many steps and DDIM's clipping at the ends of the range multiply rounding.
TOLERANCE, DDIM_TOLERANCE = 1e-5, 1e-3
# Each part must move its tensor by more than this, or a missing part would go unseen.
VISIBLE = 1e-2


def difference(ours, theirs):
    """Largest absolute and relative L2 difference."""
    ours, theirs = ours.double(), theirs.double()
    return (ours - theirs).abs().max().item(), ((ours - theirs).norm() / theirs.norm()).item()


def header(name):
    variant = checkpoints.VARIANTS[name]
    height, width = variant["picture"]
    found = {key: variant[key] for key in ("proj", "hidden", "text_layers", "mlp", "layers", "rank", "seed")}
    found |= {key: variant[key] for key in ("exp_scale", "ref_scale", "cfg", "steps")}
    found |= {"ch": variant["channels"][0], "half": True, "size": f"{height}x{width}"}
    if variant["lcm"]:
        found["lcm_scale"] = LCM_SCALE
    return {key: str(value) for key, value in found.items()}


def settings(metadata):
    return {key: kind(metadata[key]) for key, kind in NUMBERS.items() if key in metadata}


def see_each_part(out):
    """Refuses goldens that would not notice a part left out."""
    base, full = "out.unet_cfg.exp1_ref0", "out.unet_cfg.reference"
    pairs = [("out.unet_cfg.exp0_ref0", base), ("out.unet_cfg.exp05_ref0", base), ("out.unet_cfg.lora_only", base)]
    pairs += [("out.unet_cfg.lora_only", full), ("out.dpmpp_2m.plain.latents", "out.dpmpp_2m.reference.latents")]
    pairs += [("out.unet_cfg.exp1_ref0_adapter_lora_off", base), ("out.unet_cfg.reference_lcm_lora", full)]
    for one, other in pairs:
        if one in out:
            _, relative = difference(out[one], out[other])
            print(f"  {one:45} {relative:.3f} from {other}")
            if relative < VISIBLE:
                sys.exit(f"{one} and {other} differ by {relative:.1e} only; make the part that they differ in stronger")
    blind, seeing = out["out.unet_cfg.lora_only"], out[full]
    if difference(seeing[0], blind[0])[1] > TOLERANCE:
        sys.exit("the unconditional half has seen the reference bank")


def sort_header(file):
    """Puts the header's metadata in order, so that the same tensors give the same file."""
    whole = file.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    found = json.loads(whole[8 : 8 + size])
    found["__metadata__"] = dict(sorted(found["__metadata__"].items()))
    text = json.dumps(found, separators=(",", ":")).encode().ljust(size)
    file.write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + size :])


def make(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    checkpoints.checkpoint(folder / "checkpoint", name)
    model = definitions.Model(folder / "checkpoint")
    tensors, metadata = checkpoints.inputs(name, model), header(name)
    print(name)
    out = definitions.goldens(model, tensors, settings(metadata))
    for key, tensor in out.items():
        if not tensor.isfinite().all():
            sys.exit(f"{name}: {key} has values that are not finite")
    see_each_part(out)
    save_file(tensors | out, folder / "goldens.safetensors", metadata=metadata)
    sort_header(folder / "goldens.safetensors")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"  {len(tensors) + len(out)} tensors, {size} bytes in all files of the variant")


def check(checkpoint, file):
    with safe_open(file, "pt") as opened:
        metadata, known = opened.metadata(), {key: opened.get_tensor(key) for key in opened.keys()}
    theirs = {key: tensor for key, tensor in known.items() if key.startswith("out.")}
    given = {key: tensor for key, tensor in known.items() if key.startswith("in.")}
    ours = definitions.goldens(definitions.Model(checkpoint), given, settings(metadata))
    bad = sorted(ours.keys() ^ theirs.keys())
    for key in bad:
        print(f"{key}: only in {'ours' if key in ours else file}")
    for key in sorted(ours.keys() & theirs.keys()):
        if ours[key].shape != theirs[key].shape:
            print(f"{key}: {tuple(ours[key].shape)} here, {tuple(theirs[key].shape)} there")
            bad.append(key)
            continue
        absolute, relative = difference(ours[key], theirs[key])
        passed = relative <= (DDIM_TOLERANCE if key.startswith("out.ddim.") else TOLERANCE)
        print(f"{key:45} max {absolute:.2e}  relative {relative:.2e}{'' if passed else '  DIFFERS'}")
        if not passed:
            bad.append(key)
    if bad:
        sys.exit(f"{len(bad)} of {len(ours.keys() | theirs.keys())} tensors differ")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", action="append", choices=list(checkpoints.VARIANTS))
    parser.add_argument("--check", nargs=2, metavar=("CHECKPOINT", "GOLDENS"))
    options = parser.parse_args()
    logging.set_verbosity_error()
    torch.set_num_threads(1)  # one order of summation, whatever the machine
    with torch.no_grad():
        if options.check:
            check(*options.check)
        else:
            for name in options.variant or checkpoints.VARIANTS:
                make(name)


if __name__ == "__main__":
    main()
