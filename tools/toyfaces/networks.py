"""The networks, by diffusers' and transformers' own classes: Stable Diffusion's architecture at a small width."""

import json
import pathlib

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

FACE, EXPRESSION, POSITIONS = 512, 55, 77
PROMPT, NEGATIVE_PROMPT, PLACEHOLDER = "photo of a id person", "", "id"
START, END = "<|startoftext|>", "<|endoftext|>"
# CLIP's byte pairs, as far as the prompt needs them.
MERGES = ["p h", "ph o", "pho t", "phot o</w>", "o f</w>", "i d</w>"]
MERGES += ["p e", "pe r", "per s", "pers o", "perso n</w>"]
LETTERS = [chr(byte) for byte in range(ord("a"), ord("z") + 1)]
WORDS = LETTERS + [f"{letter}</w>" for letter in LETTERS] + [merge.replace(" ", "") for merge in MERGES] + [START, END]
VOCABULARY = {word: at for at, word in enumerate(WORDS)}
# All sizes that can be changed: what a run's config.json says replaces these.
CONFIG = {
    "side": 128,
    "vae": [16, 32, 64, 64],
    "vae_layers": 1,
    "unet": [48, 96, 128],
    "unet_layers": 1,
    "heads": [3, 3, 4],
    "hidden": 512,
    "text_layers": 1,
    "text_heads": 8,
    "text_inner": 512,
    "tokens": 16,
    "adapter_inner": 165,
    "lora_rank": 16,
}


def config(run):
    """The sizes of a run: those of CONFIG but for what `config.json` in the folder says."""
    file = pathlib.Path(run) / "config.json"
    return CONFIG | (json.loads(file.read_text()) if file.exists() else {})


def quiet(model):
    """Lets every residual block begin as no change: small networks learn much sooner so (Zhang et al. 2019)."""
    for name, module in model.named_modules():
        if name.endswith((".conv2", ".proj_out")) or name.endswith("mid_block.attentions.0.to_out.0"):
            torch.nn.init.zeros_(module.weight)
            torch.nn.init.zeros_(module.bias)
    return model


def straight(model):
    """Lets a VAE begin as the mean colours of blocks: through many random layers, hues would be learnt very late."""
    for name, module in model.named_modules():
        wide = {"downsamplers.0.conv": 0.25, "upsamplers.0.conv": 1.0, "conv_shortcut": 1.0, "quant_conv": 1.0}
        kind = next((kind for kind in wide if name.endswith(kind)), None)
        if kind is None or isinstance(module, torch.nn.ModuleList):
            continue
        outputs, inputs, size, _ = module.weight.shape
        # The two pixels that a halving convolution sees first; else the one in the middle.
        taps = slice(0, 2) if kind.startswith("down") else slice(size // 2, size // 2 + 1)
        with torch.no_grad():
            module.weight.mul_(0.1)
            for output in range(outputs):
                module.weight[output, output % inputs, taps, taps] += wide[kind]
    return model


def vae(sizes):
    made = straight(quiet(AutoencoderKL(
        sample_size=sizes["side"], block_out_channels=sizes["vae"], norm_num_groups=2,
        layers_per_block=sizes["vae_layers"], latent_channels=4,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
    )))  # fmt: skip
    # Latents begin with little noise (deviation 0.05): under much noise, only what varies most would be learnt.
    torch.nn.init.constant_(made.quant_conv.bias[4:], -6.0)
    return made


def unet(sizes):
    levels = len(sizes["unet"])
    # As in Stable Diffusion, no attention at the coarsest level but in the middle.
    down = ["CrossAttnDownBlock2D"] * (levels - 1) + ["DownBlock2D"]
    up = ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * (levels - 1)
    return quiet(UNet2DConditionModel(
        sample_size=sizes["side"] // 8, block_out_channels=sizes["unet"], down_block_types=down, up_block_types=up,
        layers_per_block=sizes["unet_layers"], attention_head_dim=sizes["heads"], norm_num_groups=8,
        cross_attention_dim=sizes["hidden"],
    ))  # fmt: skip


def facing(model, strength=6.0):
    """Lets every token of a text model begin by looking at the face: otherwise the 77 tokens hold next to nothing of
    it, and the UNet learns for long to do without."""
    embeddings, at = model.text_model.embeddings, PROMPT.split().index(PLACEHOLDER) + 1
    with torch.no_grad():
        # The place of the face stands out beside the face.
        embeddings.position_embedding.weight[at] *= 3
        for layer in model.text_model.encoder.layers:
            attn = layer.self_attn
            place = layer.layer_norm1(embeddings.position_embedding.weight[at])
            key = (attn.k_proj.weight @ place).unflatten(0, (attn.num_heads, -1))
            bias = strength * key / key.pow(2).sum(1, keepdim=True) / attn.scale
            attn.q_proj.bias.copy_(bias.flatten())
    return model


def text_model(sizes):
    return facing(CLIPTextModel(CLIPTextConfig(
        vocab_size=len(WORDS), hidden_size=sizes["hidden"], intermediate_size=sizes["text_inner"],
        num_hidden_layers=sizes["text_layers"], num_attention_heads=sizes["text_heads"],
        max_position_embeddings=POSITIONS, projection_dim=sizes["hidden"], hidden_act="quick_gelu",
        bos_token_id=VOCABULARY[START], eos_token_id=VOCABULARY[END], architectures=["CLIPTextModel"],
    )))  # fmt: skip


def token_ids(prompt):
    """(1, 77): every word of the prompts is one token."""
    ids = [VOCABULARY[START]] + [VOCABULARY[f"{word}</w>"] for word in prompt.split()]
    return torch.tensor([ids + [VOCABULARY[END]] * (POSITIONS - len(ids))])


def prompt_embeddings(text, faces):
    """`photo of a id person` with each face vector in place of `id`: (N, 512) -> (N, 77, hidden)."""
    ids = token_ids(PROMPT).to(faces.device).expand(len(faces), -1)

    def put_face(_module, _inputs, embeddings):
        wide = torch.nn.functional.pad(faces, (0, embeddings.shape[-1] - faces.shape[-1]))
        return torch.where((ids == VOCABULARY[f"{PLACEHOLDER}</w>"])[..., None], wide[:, None], embeddings)

    hook = text.text_model.embeddings.token_embedding.register_forward_hook(put_face)
    try:
        return text(ids).last_hidden_state
    finally:
        hook.remove()


def negative_embeddings(text, device="cpu"):
    return text(token_ids(NEGATIVE_PROMPT).to(device)).last_hidden_state


class Recogniser(torch.nn.Module):
    """(N, 3, 112, 112) of -1..1 to 512 numbers; only their direction counts."""

    def __init__(self, widths=(16, 32, 48, 64, 96)):
        super().__init__()
        layers, before = [], 3
        for width in widths:
            layers += [torch.nn.Conv2d(before, width, 3, 2, 1), torch.nn.BatchNorm2d(width), torch.nn.ReLU()]
            if before != 3:
                layers += [torch.nn.Conv2d(width, width, 3, 1, 1), torch.nn.BatchNorm2d(width), torch.nn.ReLU()]
            before = width
        layers += [torch.nn.Conv2d(before, 32, 1), torch.nn.BatchNorm2d(32), torch.nn.ReLU()]
        self.features = torch.nn.Sequential(*layers)
        self.head = torch.nn.Linear(4 * 4 * 32, FACE)

    def forward(self, crops):
        return self.head(self.features(crops).flatten(1))
