"""Tiny random checkpoints in the layout of the published ones.

Two things keep the files small. The UNet, the encoder and the adapter are stored
in f16. And in the two torch files the tensors are overlapping windows of few
storages, each at an offset of its own: torch writes a storage once. A reader that
takes no notice of a tensor's storage offset reads wrong numbers.
"""

import collections
import json
import math

import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from definitions import NEGATIVE_PROMPT, NOISE_SCHEDULE, PROMPT, WEIGHTS

FACE, EXPRESSION, POSITIONS = 512, 55, 77
# Between the starts of two windows; prime, so that rows of any width are shifted inside too.
STEP, SMALL_STEP = 997, 97

VARIANTS = {
    "faceid": {
        "seed": 101, "hidden": 512, "text_layers": 1, "mlp": 64, "whole_vocabulary": True,
        "channels": (8, 8, 16), "crossed": (True, True, False), "layers": 2, "heads": [2, 4, 4],
        "linear_projection": True, "vae": (4, 4, 8, 8), "vae_dtype": torch.float16, "picture": (32, 64),
        "proj": "faceid", "tokens": 2, "adapter_rank": 2, "rank": 4, "alpha": 2.0, "lora_names": "kohya",
        "lcm": None, "exp_scale": 1.0, "ref_scale": 0.8, "cfg": 3.0, "steps": 12,
    },
    "linear": {
        "seed": 102, "hidden": 520, "text_layers": 0, "mlp": 64, "whole_vocabulary": False,
        "channels": (8, 8, 16, 16), "crossed": (True, True, False, False), "layers": 1, "heads": 2,
        "linear_projection": False, "vae": (4, 4, 8, 8), "vae_dtype": torch.float32, "picture": (40, 56),
        "proj": "linear", "tokens": 4, "adapter_rank": None, "rank": 4, "alpha": None, "lora_names": "peft",
        "lcm": {"rank": 2, "alpha": 1.0}, "exp_scale": 0.9, "ref_scale": 0.8, "cfg": 3.0, "steps": 25,
    },
    "full": {
        "seed": 103, "hidden": 512, "text_layers": 0, "mlp": 64, "whole_vocabulary": False,
        "channels": (8, 8, 16), "crossed": (True, False, False), "layers": 1, "heads": 4,
        "linear_projection": False, "vae": (4, 8, 8, 8), "vae_dtype": torch.float16, "picture": (48, 48),
        "proj": "full", "tokens": 1, "adapter_rank": None, "rank": 3, "alpha": None, "lora_names": "down_up",
        "lcm": None, "exp_scale": 1.0, "ref_scale": 0.7, "cfg": 2.0, "steps": 10,
    },
}  # fmt: skip

START, END = "<|startoftext|>", "<|endoftext|>"
MERGES = ["p h", "ph o", "pho t", "phot o</w>", "o f</w>", "i d</w>"]
MERGES += ["p e", "pe r", "per s", "pers o", "perso n</w>"]


def windows(shapes, spread, generator, step=STEP):
    """Normal values of deviation `spread` in f16: all tensors are windows of one storage."""
    sizes = [math.prod(shape) for shape in shapes.values()]
    whole = max(at * step + size for at, size in enumerate(sizes))
    storage = (torch.randn(whole, generator=generator) * spread).half()
    starts = range(0, step * len(sizes), step)
    return {
        name: storage[start : start + size].view(shape)
        for (name, shape), start, size in zip(shapes.items(), starts, sizes, strict=True)
    }


def norm(prefix, width, generator):
    """Weights and biases of a norm that is not the identity."""
    weight = (1 + 0.1 * torch.randn(width, generator=generator)).half()
    return {f"{prefix}.weight": weight, f"{prefix}.bias": (0.1 * torch.randn(width, generator=generator)).half()}


def tokenizer(folder, whole):
    """CLIP's byte pairs with the merges of one prompt; `whole` has all 256 bytes, else only letters."""
    if whole:
        seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
        hidden = [byte for byte in range(256) if byte not in seen]
        letters = [chr(byte) for byte in seen] + [chr(256 + at) for at in range(len(hidden))]
    else:
        letters = [chr(byte) for byte in range(ord("a"), ord("z") + 1)]
    words = letters + [f"{letter}</w>" for letter in letters]
    words += [merge.replace(" ", "") for merge in MERGES] + [START, END]
    folder.mkdir(parents=True)
    vocabulary = {word: at for at, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES]) + "\n", encoding="utf-8")
    settings = {"model_max_length": POSITIONS, "do_lower_case": True, "tokenizer_class": "CLIPTokenizer"}
    settings |= {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    return vocabulary


def encoder(folder, variant, vocabulary, generator):
    config = CLIPTextConfig(
        vocab_size=len(vocabulary), hidden_size=variant["hidden"], intermediate_size=variant["mlp"],
        num_hidden_layers=variant["text_layers"], num_attention_heads=8, max_position_embeddings=POSITIONS,
        projection_dim=64, hidden_act="quick_gelu", bos_token_id=vocabulary[START], eos_token_id=vocabulary[END],
        torch_dtype=torch.float16, architectures=["CLIPTextModel"],
    )  # fmt: skip
    shapes, tensors = {}, {}
    for name, value in CLIPTextModel(config).state_dict().items():
        if "norm" in name:
            if name.endswith(".weight"):
                tensors |= norm(name.removesuffix(".weight"), len(value), generator)
        elif not name.endswith("position_ids"):
            shapes[name] = tuple(value.shape)
    # 0.04: about 1 / sqrt(hidden), and the size of one value of a unit vector of 512.
    tensors |= windows(shapes, 0.04, generator)
    config.save_pretrained(folder)
    torch.save(collections.OrderedDict(tensors), folder / "pytorch_model.bin")


def networks(folder, variant, generator):
    """UNet and VAE with torch's own initialisation and norms that are not the identity."""
    torch.manual_seed(variant["seed"])
    down = [f"{'CrossAttn' if crossed else ''}DownBlock2D" for crossed in variant["crossed"]]
    up = [f"{'CrossAttn' if crossed else ''}UpBlock2D" for crossed in reversed(variant["crossed"])]
    height, _ = variant["picture"]
    unet = UNet2DConditionModel(
        sample_size=height // 8, block_out_channels=variant["channels"], down_block_types=down, up_block_types=up,
        layers_per_block=variant["layers"], attention_head_dim=variant["heads"], norm_num_groups=4,
        cross_attention_dim=variant["hidden"], use_linear_projection=variant["linear_projection"],
    )  # fmt: skip
    vae = AutoencoderKL(
        sample_size=height, block_out_channels=variant["vae"], norm_num_groups=2, layers_per_block=1,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, latent_channels=4,
    )  # fmt: skip
    for model in (unet, vae):
        for module in model.modules():
            if isinstance(module, (torch.nn.GroupNorm, torch.nn.LayerNorm)):
                values = norm("", len(module.weight), generator)
                module.load_state_dict({key[1:]: value.float() for key, value in values.items()})
    unet.half().save_pretrained(folder / "arc2face")
    vae.to(variant["vae_dtype"]).save_pretrained(folder / "vae")
    return unet.float()


def expression_adapter(file, variant, unet, generator):
    hidden, tokens = variant["hidden"], variant["tokens"]
    if variant["proj"] == "linear":
        shapes = {"proj.weight": (tokens * hidden, EXPRESSION), "proj.bias": (tokens * hidden,)}
    else:
        inner, outer = {"faceid": (2 * EXPRESSION, tokens * hidden), "full": (EXPRESSION, hidden)}[variant["proj"]]
        shapes = {"proj.0.weight": (inner, EXPRESSION), "proj.0.bias": (inner,)}
        shapes |= {"proj.2.weight": (outer, inner), "proj.2.bias": (outer,)}
    image_proj = windows(shapes, 0.15, generator)
    image_proj |= norm("proj.3" if variant["proj"] == "full" else "norm", hidden, generator)

    shapes, loras = {}, {}
    for number, name in enumerate(unet.attn_processors):
        attention = unet.get_submodule(name.removesuffix(".processor"))
        width = attention.to_q.in_features
        context = attention.to_k.in_features
        if number % 2:
            shapes |= {f"{number}.to_k_ip.weight": (width, hidden), f"{number}.to_v_ip.weight": (width, hidden)}
        if rank := variant["adapter_rank"]:
            for part, wide in {"to_q": width, "to_k": context, "to_v": context, "to_out": width}.items():
                loras |= {f"{number}.{part}_lora.down.weight": (rank, wide)}
                loras |= {f"{number}.{part}_lora.up.weight": (width, rank)}
    ip_adapter = windows(shapes, 0.05, generator)
    if loras:
        ip_adapter |= windows(loras, 0.2, generator, SMALL_STEP)
    file.parent.mkdir()
    torch.save({"image_proj": image_proj, "ip_adapter": ip_adapter}, file)


def lora(file, layers, rank, alpha, names, generator):
    """A LoRA of `rank` on `layers` (name to module) in one of three ways to name its tensors."""
    styles = {"peft": ("lora_A", "lora_B"), "down_up": ("lora.down", "lora.up"), "kohya": ("lora_down", "lora_up")}
    down, up = styles[names]
    tensors = {}
    for name, layer in layers.items():
        key = f"lora_unet_{name.replace('.', '_')}" if names == "kohya" else f"unet.{name}"
        out, inner, *size = layer.weight.shape
        fan = inner * math.prod(size)
        tensors[f"{key}.{down}.weight"] = torch.randn(rank, inner, *size, generator=generator) / math.sqrt(fan)
        tensors[f"{key}.{up}.weight"] = torch.randn(out, rank, *(1 for _ in size), generator=generator) * 0.5
        if alpha is not None:
            tensors[f"{key}.alpha"] = torch.tensor(alpha)
    file.parent.mkdir()
    save_file({name: tensor.half() for name, tensor in tensors.items()}, file)


def checkpoint(folder, name):
    """Writes the checkpoint of one variant into the new `folder`."""
    variant = VARIANTS[name]
    generator = torch.Generator().manual_seed(variant["seed"])
    vocabulary = tokenizer(folder / "tokenizer", variant["whole_vocabulary"])
    encoder(folder / "encoder", variant, vocabulary, generator)
    unet = networks(folder, variant, generator)
    expression_adapter(folder / "exp_adapter" / "exp_adapter.bin", variant, unet, generator)

    kinds = (torch.nn.Linear, torch.nn.Conv2d)
    layers = {name: module for name, module in unet.named_modules() if isinstance(module, kinds)}
    attn1 = {name: module for name, module in layers.items() if ".attn1." in name}
    lora(folder / "ref_adapter" / WEIGHTS, attn1, variant["rank"], variant["alpha"], variant["lora_names"], generator)
    if lcm := variant["lcm"]:
        # All layers inside the blocks: what the LCM LoRA for Stable Diffusion 1.5 covers.
        inside = {name: module for name, module in layers.items() if name.split(".")[0].endswith(("blocks", "block"))}
        lora(folder / "lcm_lora" / WEIGHTS, inside, lcm["rank"], lcm["alpha"], "kohya", generator)

    PNDMScheduler(**NOISE_SCHEDULE, skip_prk_steps=True, steps_offset=1).save_pretrained(folder / "scheduler")
    index = {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.29.2"}
    index |= {"scheduler": ["diffusers", "PNDMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"]}
    index |= {"tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"]}
    index |= {"vae": ["diffusers", "AutoencoderKL"]}
    (folder / "model_index.json").write_text(json.dumps(index, indent=1) + "\n")


def inputs(name, model):
    """The `in.*` of one variant."""
    variant = VARIANTS[name]
    generator = torch.Generator().manual_seed(variant["seed"] + 1000)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    height, width = variant["picture"]
    latent = (4, height // 8, width // 8)
    eyelids, jaw = torch.rand(2, generator=generator), torch.tensor([0.25, 0.05, -0.03])
    rows, columns = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    picture = torch.stack([rows, columns, 1 - rows * columns]) + 0.1 * normal(3, height, width)
    return {
        "in.id_embedding": torch.nn.functional.normalize(normal(1, FACE)),
        "in.prompt_ids": model.token_ids(PROMPT),
        "in.negative_prompt_ids": model.token_ids(NEGATIVE_PROMPT),
        "in.expression": torch.cat([normal(50), eyelids, jaw])[None],
        "in.latents": normal(1, *latent),
        "in.timestep": torch.tensor([500]),
        "in.reference_image": picture.clamp(0, 1)[None],
        "in.vae_noise": normal(1, *latent),
        "in.lcm.model_output": normal(4, *latent),
        "in.lcm.noise": normal(4, *latent),
    }
