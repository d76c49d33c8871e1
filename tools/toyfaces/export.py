"""Writes what was trained in the official layout, in f16.

    python export.py RUN OUT [--untrained]

OUT gets arc2face, encoder, exp_adapter, ref_adapter, vae, scheduler, tokenizer and antelopev2/arcface.onnx (which
stays f32), training.csv and README.md, its card. `--untrained` writes networks that have learnt nothing, to try whether
a program can read them.

All is written into a folder beside OUT first, and takes its place in OUT when it is whole: what OUT had before stays
until then. Other files in OUT stay as they are. map.npz is one of them: it is of the drawn faces, not of the weights,
and is right for as long as faces.py and draw.py are. A folder with a checkpoint of another kind is refused.
"""

import argparse
import json
import pathlib
import shutil
import sys
import tempfile

import torch
from diffusers import PNDMScheduler
from safetensors.torch import save_file

import attention
import diffusion
import networks
import training
from card import card, write_history
from checkpoint import PARTS, TITLE, refuse_others
from latents import load_recogniser, load_vae
from train_expression import adapter

def half(tensors):
    return {name: tensor.detach().half().contiguous().clone() for name, tensor in tensors.items()}


def tokenizer(folder):
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(networks.VOCABULARY, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *networks.MERGES]) + "\n", encoding="utf-8")
    settings = {"model_max_length": networks.POSITIONS, "do_lower_case": True, "tokenizer_class": "CLIPTokenizer"}
    settings |= {"bos_token": networks.START, "eos_token": networks.END}
    settings |= {"unk_token": networks.END, "pad_token": networks.END}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")


def recogniser(file, model):
    file.parent.mkdir(parents=True)
    torch.onnx.export(
        model, torch.zeros(1, 3, 112, 112), file, opset_version=13, input_names=["input.1"], output_names=["embedding"]
    )


def adapters(out, sizes, unet, run, untrained):
    cross, own = attention.install(unet, attention.Context(), sizes["hidden"], sizes["lora_rank"])
    expression = adapter(sizes, cross)
    loras = training.Trained(loras=torch.nn.ModuleDict({k.replace(".", "/"): p.lora for k, p in own.items()}))
    if not untrained:
        training.load_average(run, "expression", expression)
        training.load_average(run, "reference", loras)
    (out / "exp_adapter").mkdir()
    parts = {
        "image_proj": half(expression.image_proj.state_dict()),
        "ip_adapter": half(expression.ip_adapter.state_dict()),
    }
    torch.save(parts, out / "exp_adapter" / "exp_adapter.bin")
    (out / "ref_adapter").mkdir()
    tensors = {}
    for block, processor in own.items():
        for layer, tensor in processor.lora.state_dict().items():
            tensors[f"unet.{block}.{layer.replace('to_out_0', 'to_out.0')}"] = tensor
    save_file(half(tensors), out / "ref_adapter" / "pytorch_lora_weights.safetensors")


def networks_of(run, sizes, untrained):
    """VAE, recogniser, text model, UNet and the scale of the latents."""
    if untrained:
        text, unet = networks.text_model(sizes), networks.unet(sizes)
        return networks.vae(sizes), networks.Recogniser().eval(), text, unet, 1.0
    scaling = json.loads((run / "scaling.json").read_text())["scaling_factor"]
    return load_vae(run), load_recogniser(run), *diffusion.load_base(run), scaling


def write(out, run, sizes, untrained, place):
    vae, net, text, unet, scaling = networks_of(run, sizes, untrained)
    tokenizer(out / "tokenizer")
    recogniser(out / "antelopev2" / "arcface.onnx", net)
    text.half()
    (out / "encoder").mkdir()
    text.config.torch_dtype = "float16"
    text.config.save_pretrained(out / "encoder")
    torch.save(half(text.state_dict()), out / "encoder" / "pytorch_model.bin")
    vae.register_to_config(scaling_factor=scaling)
    vae.half().save_pretrained(out / "vae")
    unet.half().save_pretrained(out / "arc2face")
    adapters(out, sizes, unet.float(), run, untrained)
    schedule = diffusion.NOISE_SCHEDULE
    PNDMScheduler(**schedule, skip_prk_steps=True, steps_offset=1).save_pretrained(out / "scheduler")
    if untrained:
        (out / "README.md").write_text(f"{TITLE}\n\nNot this one: its weights have learnt nothing.\n")
    else:
        write_history(run, out / "training.csv")
        (out / "README.md").write_text(card(out, place=place))
    for file in out.rglob("*"):
        if file.is_file():
            file.chmod(0o644)


def replace(new, out):
    """Everything in `new` takes its place in `out`; what was there goes into `new`, to be removed with it."""
    before = new / "before"
    before.mkdir()
    for part in ["README.md", "training.csv", *PARTS]:
        if (out / part).exists():
            (out / part).rename(before / part)
        if (new / part).exists():
            (new / part).rename(out / part)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--untrained", action="store_true")
    options = parser.parse_args()
    if not options.untrained and not (options.run / "scaling.json").exists():
        sys.exit(f"{options.run}: no scaling.json in it; a run of train.py that has its latents is needed")
    out = options.out.resolve()
    refuse_others(out)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    new = pathlib.Path(tempfile.mkdtemp(prefix=f"{out.name}-new-", dir=out.parent))
    try:
        write(new, options.run, networks.config(options.run), options.untrained, out)
    except BaseException:
        shutil.rmtree(new)
        raise
    replace(new, out)
    shutil.rmtree(new)
    size = sum(file.stat().st_size for part in PARTS for file in (out / part).rglob("*") if file.is_file())
    print(f"{out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
