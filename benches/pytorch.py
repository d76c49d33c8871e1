"""How long PyTorch and diffusers take for the work of one frame.

The networks have the shape of Stable Diffusion 1.5 and random weights: the time
does not depend on the values. Nothing is downloaded. One JSON line a
measurement goes to standard output:

    {"what": "unet_pass", "seconds": 5.1, "dtype": "f32", "mode": "eager", ...}

what                 meaning
unet_pass            UNet, 64x64 latents, batch 1, 77 text tokens, no adapter
unet_cfg_pair        the same with batch 2 (negative and positive prompt)
unet_pass_reference  batch 1; every attn1 reads [own, bank] as keys and values
vae_decode           64x64 latents to a 512x512 picture
frame_4_steps        four batch 1 passes with expression adapter and bank, one decode

"seconds" is the median of --runs measurements after --warmup passes; "min" and
"max" are their bounds. "cpu_seconds" is the processor time of all threads: about
threads x seconds on an idle machine, less when others took the cores. The bank is
projected by to_k and to_v in each pass, as the published PyTorch code does; a
renderer that keeps the projected keys saves that.

    python benches/pytorch.py                              two threads, f32
    python benches/pytorch.py --dtype f32,bf16
    python benches/pytorch.py --device cuda --dtype f16,bf16 --mode eager,compile

Versions: requirements.txt in tests/goldens.
"""

import argparse
import json
import os
import statistics
import sys
import time

DTYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
MEASUREMENTS = ["unet_pass", "unet_cfg_pair", "unet_pass_reference", "vae_decode", "frame_4_steps"]


def arguments():
    def listed(known):
        def read(text):
            names = text.split(",")
            for name in names:
                if name not in known:
                    raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(known)}")
            return names

        return read

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default 2)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--dtype", type=listed(DTYPES), default=["f32"], help="f32, bf16, f16; several with commas")
    parser.add_argument("--mode", type=listed(["eager", "compile"]), default=["eager"], help="eager, compile or both")
    parser.add_argument(
        "--only", type=listed(MEASUREMENTS), default=MEASUREMENTS, help="some of: " + ", ".join(MEASUREMENTS)
    )
    parser.add_argument("--channels-last", action="store_true", help="NHWC memory for the convolutions")
    parser.add_argument("--warmup", type=int, default=1, help="passes before measuring (default 1)")
    parser.add_argument("--runs", type=int, default=3, help="measured passes (default 3)")
    return parser.parse_args()


def build(torch, dtype, device):
    """UNet and VAE in the shape of Stable Diffusion 1.5, random weights of the seed."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    torch.manual_seed(0)
    cross, plain = "CrossAttnDownBlock2D", "DownBlock2D"
    unet = UNet2DConditionModel(
        sample_size=64,
        block_out_channels=(320, 640, 1280, 1280),
        down_block_types=(cross, cross, cross, plain),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        layers_per_block=2,
        attention_head_dim=8,
        cross_attention_dim=768,
    )
    vae = AutoencoderKL(
        sample_size=512,
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
    )
    vae.encoder = None  # not measured
    return [m.to(device=device, dtype=dtype).eval().requires_grad_(False) for m in (unet, vae)]


def reference_processor(torch):
    """Self attention whose keys and values also come from `bank` (1, pixels, channels)."""

    class WithBank(torch.nn.Module):
        def __init__(self, bank):
            super().__init__()
            self.register_buffer("bank", bank)

        def forward(self, attn, hidden_states, *_, **__):
            def split(x):
                return x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)

            seen = torch.cat([hidden_states, self.bank.expand(len(hidden_states), -1, -1)], dim=1)
            out = torch.nn.functional.scaled_dot_product_attention(
                split(attn.to_q(hidden_states)), split(attn.to_k(seen)), split(attn.to_v(seen))
            )
            return attn.to_out[0](out.transpose(1, 2).flatten(2))

    return WithBank


def banks(torch, unet, sample, text):
    """The shapes of each attn1's input in one pass, filled with random values."""
    found, handles = {}, []
    for name, module in unet.named_modules():
        if name.endswith("attn1"):

            def note(_module, args, kwargs, name=name):
                x = args[0] if args else kwargs["hidden_states"]
                found[f"{name}.processor"] = torch.randn_like(x[:1])

            handles.append(module.register_forward_pre_hook(note, with_kwargs=True))
    unet(sample, 0, text)
    for handle in handles:
        handle.remove()
    return found


def add_adapter(torch, unet):
    """An expression adapter of the usual kind: 55 numbers to 4 tokens, keys and values in each attn2."""
    from diffusers.models.attention_processor import AttnProcessor2_0, IPAdapterAttnProcessor2_0
    from diffusers.models.embeddings import ImageProjection, MultiIPAdapterImageProjection

    like = next(unet.parameters())
    processors = {}
    for name in unet.attn_processors:
        if name.endswith("attn2.processor"):
            width = unet.get_submodule(name.removesuffix(".processor")).to_q.out_features
            processors[name] = IPAdapterAttnProcessor2_0(width, 768, num_tokens=(4,)).to(like)
        else:
            processors[name] = AttnProcessor2_0()
    unet.set_attn_processor(processors)
    projection = ImageProjection(image_embed_dim=55, cross_attention_dim=768, num_image_text_embeds=4)
    unet.encoder_hid_proj = MultiIPAdapterImageProjection([projection]).to(like)
    unet.config.encoder_hid_dim_type = "ip_image_proj"
    unet.requires_grad_(False)


def measure(torch, options, dtype_name, mode):
    from diffusers.models.attention_processor import AttnProcessor2_0

    device = torch.device(options.device)
    dtype = getattr(torch, DTYPES[dtype_name])
    unet, vae = build(torch, dtype, device)
    if options.channels_last:
        unet.to(memory_format=torch.channels_last)
        vae.to(memory_format=torch.channels_last)
    sample = torch.randn(2, 4, 64, 64, device=device, dtype=dtype)
    text = torch.randn(2, 77, 768, device=device, dtype=dtype)
    expression = torch.randn(1, 1, 55, device=device, dtype=dtype)
    step = torch.tensor(500, device=device)
    one, words = sample[:1], text[:1]
    compiled = torch.compile if mode == "compile" else (lambda module: module)

    def wait():
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    def report(what, work):
        if what not in options.only:
            return
        for _ in range(options.warmup):
            work()
        times, busy = [], []
        for _ in range(options.runs):
            wait()
            start, cpu = time.perf_counter(), time.process_time()
            work()
            wait()
            times.append(time.perf_counter() - start)
            busy.append(time.process_time() - cpu)
        line = {"what": what, "seconds": round(statistics.median(times), 5)}
        if device.type == "cpu":
            line["cpu_seconds"] = round(statistics.median(busy), 5)
        line |= {"min": round(min(times), 5), "max": round(max(times), 5), "runs": len(times)}
        line |= {"dtype": dtype_name, "mode": mode, "device": options.device}
        line |= {"threads": torch.get_num_threads(), "torch": torch.__version__}
        if device.type == "cuda":
            line["gpu"] = torch.cuda.get_device_name(device)
        if options.channels_last:
            line["channels_last"] = True
        print(json.dumps(line), flush=True)

    run_unet, decode = compiled(unet), compiled(vae.decode)
    report("unet_pass", lambda: run_unet(one, step, words))
    report("unet_cfg_pair", lambda: run_unet(sample, step, text))
    report("vae_decode", lambda: decode(one / vae.config.scaling_factor))

    found = banks(torch, unet, one, words)
    with_bank = reference_processor(torch)
    unet.set_attn_processor(
        {n: with_bank(found[n]) if n in found else AttnProcessor2_0() for n in unet.attn_processors}
    )
    run_unet = compiled(unet)
    report("unet_pass_reference", lambda: run_unet(one, step, words))

    add_adapter(torch, unet)
    unet.set_attn_processor(unet.attn_processors | {n: with_bank(bank) for n, bank in found.items()})
    run_unet = compiled(unet)
    steps = [torch.tensor(t, device=device) for t in (999, 759, 499, 259)]

    def frame():
        latents = one
        for t in steps:
            guess = run_unet(latents, t, words, added_cond_kwargs={"image_embeds": [expression]}).sample
            latents = latents - 0.25 * guess  # a scheduler costs next to nothing
        return decode(latents / vae.config.scaling_factor)

    report("frame_4_steps", frame)


def main():
    options = arguments()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch

    if options.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit(
            f"--device {options.device}: this PyTorch ({torch.__version__}) finds no CUDA device; use --device cpu"
        )
    torch.set_num_threads(options.threads)
    with torch.inference_mode():
        for dtype in options.dtype:
            for mode in options.mode:
                measure(torch, options, dtype, mode)


if __name__ == "__main__":
    main()
