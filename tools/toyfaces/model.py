"""An exported checkpoint, run by diffusers: what the diffusion renderer does, in Python, many frames at once."""

import pathlib
import warnings

import numpy as np
import onnxruntime
import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    LCMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.utils import logging
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

import crops
import networks
from attention import BankOf
from diffusion import NOISE_SCHEDULE

warnings.filterwarnings("ignore", category=UserWarning)
logging.set_verbosity(logging.CRITICAL)
SCHEDULERS = {"dpmpp": DPMSolverMultistepScheduler, "lcm": LCMScheduler}


class ReadBank:
    """Self attention in which the last `seeing` rows also see the bank."""

    def __init__(self, bank, seeing):
        self.bank, self.seeing = bank, seeing

    def __call__(self, attn, hidden_states, *_, **__):
        def heads(x):
            return x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)

        out, blind = [], len(hidden_states) - self.seeing
        for own, bank in ((hidden_states[:blind], None), (hidden_states[blind:], self.bank)):
            seen = own if bank is None else torch.cat([own, bank.expand(len(own), -1, -1)], dim=1)
            if len(own):
                q, k, v = heads(attn.to_q(own)), heads(attn.to_k(seen)), heads(attn.to_v(seen))
                mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v)
                out.append(mixed.transpose(1, 2).flatten(2))
        return attn.to_out[0](torch.cat(out))


class Model:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        f32 = {"torch_dtype": torch.float32, "low_cpu_mem_usage": False}
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        self.text = CLIPTextModel.from_pretrained(folder / "encoder", torch_dtype=torch.float32).eval()
        self.vae = AutoencoderKL.from_pretrained(folder / "vae", **f32).eval()
        self.plain = UNet2DConditionModel.from_pretrained(folder / "arc2face", **f32).eval()
        self.unet = UNet2DConditionModel.from_pretrained(folder / "arc2face", **f32).eval()
        self.pipe = StableDiffusionPipeline(
            vae=self.vae, text_encoder=self.text, tokenizer=self.tokenizer, unet=self.unet,
            scheduler=DPMSolverMultistepScheduler(**NOISE_SCHEDULE), safety_checker=None, feature_extractor=None,
            requires_safety_checker=False,
        )  # fmt: skip
        adapter = torch.load(folder / "exp_adapter" / "exp_adapter.bin", map_location="cpu", weights_only=True)
        adapter = {part: {k: v.float() for k, v in tensors.items()} for part, tensors in adapter.items()}
        self.pipe.load_ip_adapter(adapter, subfolder=None, weight_name=None, image_encoder_folder=None)
        self.processors = dict(self.unet.attn_processors)
        lora = load_file(folder / "ref_adapter" / "pytorch_lora_weights.safetensors")
        self.pipe.load_lora_weights({k: v.float() for k, v in lora.items()}, adapter_name="ref")
        self.recogniser = onnxruntime.InferenceSession(folder / "antelopev2" / "arcface.onnx")
        assert (self.tokenizer("photo of a id person", padding="max_length", max_length=77).input_ids
                == networks.token_ids(networks.PROMPT)[0].tolist())  # fmt: skip

    def identity(self, pictures):
        """Unit vectors of pictures (N, side, side, 3) of 0..1."""
        batch = crops.crops(torch.from_numpy(np.asarray(pictures)).float().permute(0, 3, 1, 2) * 2 - 1).numpy()
        name = self.recogniser.get_inputs()[0].name
        rows = np.concatenate([self.recogniser.run(None, {name: crop[None]})[0] for crop in batch])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    @torch.no_grad()
    def paint(self, portrait, values, scheduler="dpmpp", steps=12, guidance=3.0, reference=0.8, seed=0, batch=10):
        """Frames (N, side, side, 3) of 0..1 of the person in `portrait`; `reference` None: without that adapter."""
        face = torch.from_numpy(self.identity([portrait])).float()
        told, nothing = networks.prompt_embeddings(self.text, face), networks.negative_embeddings(self.text)
        generator = torch.Generator().manual_seed(seed)
        side, scaling = portrait.shape[0] // 8, self.vae.config.scaling_factor
        noise = torch.randn(1, 4, side, side, generator=generator)
        banks = None
        if reference is not None:
            picture = torch.from_numpy(np.asarray(portrait)).float().permute(2, 0, 1)[None] * 2 - 1
            with BankOf(self.plain) as found:
                self.plain(self.vae.encode(picture).latent_dist.sample(generator) * scaling, 0, told)
            banks = found.banks
            self.unet.enable_lora()
            self.pipe.set_adapters(["ref"], adapter_weights=[reference])
        else:
            self.unet.disable_lora()
        frames = []
        for start in range(0, len(values), batch):
            part = torch.from_numpy(np.asarray(values[start : start + batch])).float()
            frames.append(self.some(part, noise, told, nothing, banks, SCHEDULERS[scheduler], steps, guidance))
        return np.concatenate(frames)

    def some(self, values, noise, told, nothing, banks, scheduler, steps, guidance):
        count, guided = len(values), guidance != 1.0
        processors = dict(self.processors)
        for name, bank in (banks or {}).items():
            processors[f"{name}.processor"] = ReadBank(bank, count)
        self.unet.set_attn_processor(processors)
        text, expression = told.expand(count, -1, -1), values[:, None]
        if guided:
            text = torch.cat([nothing.expand(count, -1, -1), text])
            expression = torch.cat([torch.zeros_like(expression), expression])
        scheduler = scheduler(**NOISE_SCHEDULE)
        scheduler.set_timesteps(steps)
        latents = noise.repeat(count, 1, 1, 1)
        fixed = torch.Generator().manual_seed(1)
        for t in scheduler.timesteps:
            rows = latents.repeat(2, 1, 1, 1) if guided else latents
            guess = self.unet(rows, t, text, added_cond_kwargs={"image_embeds": [expression]}).sample
            if guided:
                low, high = guess.chunk(2)
                guess = low + guidance * (high - low)
            # LCM draws noise: the same for every batch of frames.
            extra = {"generator": fixed} if isinstance(scheduler, LCMScheduler) else {}
            latents = scheduler.step(guess, t, latents, return_dict=False, **extra)[0]
        pictures = self.vae.decode(latents / self.vae.config.scaling_factor).sample
        return (pictures / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
