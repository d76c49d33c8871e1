"""What each golden tensor is: the model of the Arc2Face family, written with diffusers' classes.

Everything runs on the CPU in f32, whatever dtype the checkpoint is stored in.
The only things that diffusers does not bring are here in a few lines each: the
face vector in the prompt, the reference bank and reading it.
"""

import pathlib

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.schedulers import scheduling_lcm
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

PROMPT, NEGATIVE_PROMPT, PLACEHOLDER = "photo of a id person", "", "id"
# Every sampler has its class's own defaults, on the betas of Stable Diffusion 1.5 ...
NOISE_SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
# ... and DDIM also that checkpoint's offset of one and its last step to alpha[0] instead of 1.
DDIM_SCHEDULE = NOISE_SCHEDULE | {"steps_offset": 1, "set_alpha_to_one": False}
WEIGHTS = "pytorch_lora_weights.safetensors"


class ReadBank:
    """Self attention in which the last row of the batch also sees the bank.

    The bank (1, pixels, channels) is what the block's norm1 gave for the reference
    picture. It goes through this layer's own to_k and to_v, LoRA included. The rows
    before the last one (the unconditional half) see only themselves.
    """

    def __init__(self, bank):
        self.bank = bank

    def __call__(self, attn, hidden_states, *_, **__):
        def heads(x):
            return x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)

        out = []
        for row in range(len(hidden_states)):
            own = hidden_states[row : row + 1]
            seen = torch.cat([own, self.bank], dim=1) if row == len(hidden_states) - 1 else own
            mixed = torch.nn.functional.scaled_dot_product_attention(
                heads(attn.to_q(own)), heads(attn.to_k(seen)), heads(attn.to_v(seen))
            )
            out.append(mixed.transpose(1, 2).flatten(2))
        return attn.to_out[0](torch.cat(out))


class Model:
    """A checkpoint folder in the official layout."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        f32 = {"torch_dtype": torch.float32, "low_cpu_mem_usage": False}
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        self.text = CLIPTextModel.from_pretrained(folder / "encoder", torch_dtype=torch.float32).eval()
        self.vae = AutoencoderKL.from_pretrained(folder / "vae", **f32).eval()
        self.plain_unet = UNet2DConditionModel.from_pretrained(folder / "arc2face", **f32).eval()
        self.unet = UNet2DConditionModel.from_pretrained(folder / "arc2face", **f32).eval()
        self.pipe = StableDiffusionPipeline(
            vae=self.vae,
            text_encoder=self.text,
            tokenizer=self.tokenizer,
            unet=self.unet,
            scheduler=DDIMScheduler(**NOISE_SCHEDULE),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        adapter = torch.load(folder / "exp_adapter" / "exp_adapter.bin", map_location="cpu", weights_only=True)
        adapter = {part: {k: v.float() for k, v in adapter[part].items()} for part in ("image_proj", "ip_adapter")}
        self.pipe.load_ip_adapter(adapter, subfolder=None, weight_name=None, image_encoder_folder=None)
        self.processors = dict(self.unet.attn_processors)
        # LoRA that come inside the expression adapter stay at 1, as diffusers leaves them.
        self.always = ["faceid_0"] if "faceid_0" in getattr(self.unet, "peft_config", {}) else []
        self.loras = {}
        for name in ("ref", "lcm"):
            file = folder / {"ref": "ref_adapter", "lcm": "lcm_lora"}[name] / WEIGHTS
            if file.exists():
                tensors = {k: v.float() for k, v in load_file(file).items()}
                self.pipe.load_lora_weights(tensors, adapter_name=name)
                self.loras[name] = file

    def use(self, exp=1.0, bank=None, faceid=True, **loras):
        """Sets scales: `exp` of the expression adapter, and one for each named LoRA (absent: off)."""
        self.pipe.set_ip_adapter_scale(exp)
        active = {name: 1.0 for name in self.always if faceid} | {k: v for k, v in loras.items() if v}
        if active:
            self.unet.enable_lora()
            self.pipe.set_adapters(list(active), adapter_weights=list(active.values()))
        else:
            self.unet.disable_lora()
        processors = dict(self.processors)
        for name, rows in (bank or {}).items():
            processors[f"{name}.attn1.processor"] = ReadBank(rows)
        self.unet.set_attn_processor(processors)

    def token_ids(self, prompt):
        fill = {"padding": "max_length", "truncation": True, "max_length": 77}
        return self.tokenizer(prompt, **fill, return_tensors="pt").input_ids

    def encode(self, ids, face=None):
        """last_hidden_state; the embedding of each placeholder token is `face`, zeros behind its 512 values."""
        if face is None:
            return self.text(ids).last_hidden_state
        [placeholder] = self.tokenizer.encode(PLACEHOLDER, add_special_tokens=False)

        def put_face(_module, _inputs, embeddings):
            wide = torch.zeros_like(embeddings)
            wide[..., : face.shape[-1]] = face
            return torch.where((ids == placeholder)[..., None], wide, embeddings)

        hook = self.text.text_model.embeddings.token_embedding.register_forward_hook(put_face)
        try:
            return self.text(ids).last_hidden_state
        finally:
            hook.remove()

    def expression_pair(self, expression):
        """(2, 1, 55): row 0 zeros for the unconditional half, row 1 the expression."""
        return torch.stack([torch.zeros_like(expression), expression])

    def predict(self, latents, t, text, expression):
        extra = {"image_embeds": [expression]}
        return self.unet(latents, t, text, added_cond_kwargs=extra).sample

    def bank(self, latents, prompt):
        """norm1's outputs of the UNet without any adapter at timestep 0, by block, in the order down, mid, up."""
        found, hooks = {}, []
        parts = (("down_blocks", self.plain_unet.down_blocks), ("mid_block", self.plain_unet.mid_block),
                 ("up_blocks", self.plain_unet.up_blocks))  # fmt: skip
        for part, module in parts:
            for name, inner in module.named_modules(prefix=part):
                if not name.endswith(".norm1") or ".transformer_blocks." not in name:
                    continue

                def keep(_module, _inputs, out, name=name.removesuffix(".norm1")):
                    found[name] = out

                hooks.append(inner.register_forward_hook(keep))
        self.plain_unet(latents, 0, prompt)
        for hook in hooks:
            hook.remove()
        return found

    def sample(self, scheduler, steps, latents, text, expression, guidance):
        """Samples from `latents`; returns the last latents, all of them (a row per step), the timesteps."""
        scheduler.set_timesteps(steps)
        latents = latents * scheduler.init_noise_sigma
        trace = []
        for t in scheduler.timesteps:
            seen = scheduler.scale_model_input(latents, t)
            if guidance == 1.0:
                guess = self.predict(seen, t, text[1:], expression[1:])
            else:
                low, high = self.predict(seen.repeat(2, 1, 1, 1), t, text, expression).chunk(2)
                guess = low + guidance * (high - low)
            latents = scheduler.step(guess, t, latents, return_dict=False)[0]
            trace.append(latents)
        return latents, torch.cat(trace), scheduler.timesteps.float()

    def picture(self, latents):
        return self.vae.decode(latents / self.vae.config.scaling_factor).sample


class FixedNoise:
    """While open, LCMScheduler's random draws are the rows of `noise`, in order."""

    def __init__(self, noise):
        self.rows = iter(noise)

    def __enter__(self):
        self.before = scheduling_lcm.randn_tensor
        scheduling_lcm.randn_tensor = lambda *_, **__: next(self.rows)[None]

    def __exit__(self, *_):
        scheduling_lcm.randn_tensor = self.before


def goldens(model, inputs, settings):
    """Every `out.*` of one checkpoint, from its `in.*` and the numbers of the file's header."""
    exp, ref, cfg, steps = (settings[k] for k in ("exp_scale", "ref_scale", "cfg", "steps"))
    out = {}

    positive = model.encode(inputs["in.prompt_ids"], inputs["in.id_embedding"])
    negative = model.encode(inputs["in.negative_prompt_ids"])
    out["out.prompt_embeds"], out["out.negative_prompt_embeds"] = positive, negative
    text = torch.cat([negative, positive])
    expression = model.expression_pair(inputs["in.expression"])
    [out["out.expression_tokens"]] = model.unet.encoder_hid_proj([expression])

    latents, t = inputs["in.latents"], inputs["in.timestep"]
    pair = latents.repeat(2, 1, 1, 1)

    def one_pass(name, **scales):
        model.use(**scales)
        out[f"out.unet_cfg.{name}"] = model.predict(pair, t, text, expression)

    one_pass("exp0_ref0", exp=0.0)
    one_pass("exp1_ref0", exp=1.0)
    one_pass("exp05_ref0", exp=0.5)
    if model.always:
        one_pass("exp1_ref0_adapter_lora_off", exp=1.0, faceid=False)
    one_pass("lora_only", exp=exp, ref=ref)

    seen = model.vae.encode(inputs["in.reference_image"] * 2 - 1).latent_dist
    out["out.vae_mean"], out["out.vae_logvar"] = seen.mean, seen.logvar
    reference = (seen.mean + seen.std * inputs["in.vae_noise"]) * model.vae.config.scaling_factor
    out["out.reference_latents"] = reference
    out["out.vae_decode"] = model.picture(latents)

    bank = model.bank(reference, positive)
    for index, rows in enumerate(bank.values()):
        out[f"out.reference_bank.{index:02}"] = rows
    one_pass("reference", exp=exp, ref=ref, bank=bank)

    model.use(exp=exp, ref=ref, bank=bank)
    samplers = {
        "dpmpp_2m": (DPMSolverMultistepScheduler(**NOISE_SCHEDULE), steps),
        "dpmpp_2m_short": (DPMSolverMultistepScheduler(**NOISE_SCHEDULE), 8),
        "ddim": (DDIMScheduler(**DDIM_SCHEDULE), 10),
        "euler": (EulerDiscreteScheduler(**NOISE_SCHEDULE), 10),
    }
    for name, (scheduler, count) in samplers.items():
        last, trace, timesteps = model.sample(scheduler, count, latents, text, expression, cfg)
        out[f"out.{name}.reference.latents"], out[f"out.{name}.reference.trace"] = last, trace
        out[f"out.{name}.timesteps"] = timesteps
    out["out.dpmpp_2m.reference.image"] = model.picture(out["out.dpmpp_2m.reference.latents"])
    model.use(exp=exp)
    plain, _, _ = model.sample(DPMSolverMultistepScheduler(**NOISE_SCHEDULE), steps, latents, text, expression, cfg)
    out["out.dpmpp_2m.plain.latents"], out["out.dpmpp_2m.plain.image"] = plain, model.picture(plain)

    scheduler = LCMScheduler(**NOISE_SCHEDULE)
    scheduler.set_timesteps(4)
    rows, now = [], latents
    with FixedNoise(inputs["in.lcm.noise"]):
        for t_lcm, guess in zip(scheduler.timesteps, inputs["in.lcm.model_output"], strict=True):
            now = scheduler.step(guess[None], t_lcm, now, return_dict=False)[0]
            rows.append(now)
    out["out.lcm.timesteps"], out["out.lcm.trace"] = scheduler.timesteps.float(), torch.cat(rows)

    if "lcm" in model.loras:
        lcm = settings["lcm_scale"]
        one_pass("lcm_lora", exp=exp, lcm=lcm)
        one_pass("reference_lcm_lora", exp=exp, ref=ref, lcm=lcm, bank=bank)
        with FixedNoise(inputs["in.lcm.noise"]):
            last, trace, _ = model.sample(LCMScheduler(**NOISE_SCHEDULE), 4, latents, text, expression, 1.0)
        out["out.lcm.reference.latents"], out["out.lcm.reference.trace"] = last, trace
        out["out.lcm.reference.image"] = model.picture(last)
    return {name: tensor.detach().contiguous() for name, tensor in out.items()}
