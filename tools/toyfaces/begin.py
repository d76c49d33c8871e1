"""Lets a run begin from a checkpoint of this kind, such as the committed one, instead of from nothing.

    python begin.py RUN CHECKPOINT

The VAE and the recogniser are taken as they are; text model, UNet and the reference adapter are where their stages go
on from. The expression adapter is small and begins anew. What CHECKPOINT's training took is kept in RUN/before.csv, so
that it is counted in the next one. All sizes are CHECKPOINT's. RUN may have pictures, but nothing that was trained: it
would be lost, and latents are of one VAE only.
"""

import argparse
import json
import pathlib
import shutil
import sys

import onnx
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from onnx import numpy_helper
from safetensors.torch import load_file
from transformers import CLIPTextModel

import attention
import networks
import training
from checkpoint import require


def recogniser(file):
    """From its ONNX file, in which each convolution holds its batch norm: that becomes one that changes nothing."""
    net = networks.Recogniser()
    stored = [numpy_helper.to_array(tensor).copy() for tensor in onnx.load(file).graph.initializer]
    stored = [torch.from_numpy(array) for array in stored]
    # The head comes first, since only it kept its name; then weight and bias of each convolution.
    head, layers = stored[:2], iter(stored[2:])
    with torch.no_grad():
        net.head.weight.copy_(head[0])
        net.head.bias.copy_(head[1])
        for module in net.features:
            if isinstance(module, torch.nn.Conv2d):
                module.weight.copy_(next(layers))
                module.bias.copy_(next(layers))
            elif isinstance(module, torch.nn.BatchNorm2d):
                module.running_var.fill_(1 - module.eps)
    return net.eval()


def keep(run, stage, module, **more):
    """As what a stage has reached, before its first step."""
    weights = module.state_dict()
    state = {"step": 0, "seconds": 0.0, "weights": weights, "average": weights} | more
    torch.save(state, training.weights_file(run, stage))


def loras_of(old):
    return load_file(old / "ref_adapter" / "pytorch_lora_weights.safetensors")


def sizes_of(old, vae, text, unet):
    """Everything that `networks.CONFIG` has, as it is in this checkpoint."""
    file = old / "exp_adapter" / "exp_adapter.bin"
    proj = torch.load(file, map_location="cpu", weights_only=True)["image_proj"]
    hidden = text.config.hidden_size
    found = {
        "side": vae.config.sample_size,
        "vae": list(vae.config.block_out_channels), "vae_layers": vae.config.layers_per_block,
        "unet": list(unet.config.block_out_channels), "unet_layers": unet.config.layers_per_block,
        "heads": list(unet.config.attention_head_dim), "hidden": hidden,
        "text_layers": text.config.num_hidden_layers, "text_heads": text.config.num_attention_heads,
        "text_inner": text.config.intermediate_size,
        "tokens": len(proj["proj.2.weight"]) // hidden, "adapter_inner": len(proj["proj.0.weight"]),
        "lora_rank": min(len(rows) for name, rows in loras_of(old).items() if name.endswith("lora_A.weight")),
    }  # fmt: skip
    assert found.keys() == networks.CONFIG.keys()
    return found


def reference(run, old, unet, sizes):
    _, own = attention.install(unet, attention.Context(), sizes["hidden"], sizes["lora_rank"])
    tensors = loras_of(old)
    for block, processor in own.items():
        stored = {key: tensors[f"unet.{block}.{key.replace('to_out_0', 'to_out.0')}"]
                  for key in processor.lora.state_dict()}  # fmt: skip
        processor.lora.load_state_dict(stored)
    loras = torch.nn.ModuleDict({block.replace(".", "/"): processor.lora for block, processor in own.items()})
    keep(run, "reference", training.Trained(loras=loras))


def trained(run):
    """What there is in a run beside pictures."""
    others = [run / name for name in ("scaling.json", "config.json")]
    return sorted([*run.glob("*.pt"), *(file for file in others if file.exists())])


def take(run, old):
    f32 = {"torch_dtype": torch.float32, "low_cpu_mem_usage": False}
    vae = AutoencoderKL.from_pretrained(old / "vae", **f32)
    keep(run, "vae", training.Trained(vae=vae), scaling_factor=vae.config.scaling_factor)
    net = recogniser(old / "antelopev2" / "arcface.onnx")
    keep(run, "recogniser", training.Trained(recogniser=net, features=torch.nn.Linear(512, 14)))
    text = CLIPTextModel.from_pretrained(old / "encoder", torch_dtype=torch.float32)
    unet = UNet2DConditionModel.from_pretrained(old / "arc2face", **f32)
    keep(run, "base", training.Trained(text=text, unet=unet))
    sizes = sizes_of(old, vae, text, unet)
    reference(run, old, unet, sizes)
    (run / "config.json").write_text(json.dumps(sizes) + "\n")
    shutil.copy(old / "training.csv", run / "before.csv")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("checkpoint", type=pathlib.Path)
    options = parser.parse_args()
    run = options.run
    if found := trained(run):
        sys.exit(f"{run} has {found[0].name} already, which would be lost: begin in a folder without")
    require(options.checkpoint)
    part = run / "begin.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        take(part, options.checkpoint)
        # before.csv comes last: it says that the others are complete.
        for file in sorted(part.iterdir(), key=lambda file: file.name == "before.csv"):
            file.rename(run / file.name)
    finally:
        shutil.rmtree(part)


if __name__ == "__main__":
    main()
