"""Stage 4: the expression adapter, on the frozen base.

    python train_expression.py RUN [--steps 4400] [--batch 32] [--minutes 40]

Learns `image_proj` (55 values to tokens) and keys and values for these tokens in every cross attention; text model and
UNet stay as they are. The unconditional half of guidance is the empty prompt with the projection of zeros, so both
are left out together in a tenth of the rows.
"""

import numpy as np
import torch

import attention
import diffusion
import networks
import training
from data import EXPRESSIONS
from latents import Latents

# All pictures of a look, with the same noise: they differ in their expression only.
RUN_LENGTH, MEAN_SHARE = EXPRESSIONS, 0.25
# How much more the mouth counts than eyes and brows do.
MOUTH = 1.5


def adapter(sizes, cross):
    """The parts that learn, by the names that they have in the file."""
    image_proj = attention.ExpressionTokens(
        networks.EXPRESSION, sizes["hidden"], sizes["tokens"], sizes["adapter_inner"]
    )
    return training.Trained(image_proj=image_proj, ip_adapter=torch.nn.ModuleDict(cross))


def main():
    options = training.begin(training.arguments(__doc__, steps=4400, batch=32, rate=1.5e-3, unit=RUN_LENGTH))
    sizes, data = networks.config(options.run), Latents(options.run)
    text, unet = (part.to(options.device) for part in diffusion.load_base(options.run))
    context = attention.Context()
    context.run, context.mean_share = RUN_LENGTH, MEAN_SHARE
    cross, _ = attention.install(unet, context, sizes["hidden"], rank=1)
    parts = adapter(sizes, cross).to(options.device)
    rows = options.batch // RUN_LENGTH
    side = data.latents.shape[-1]
    where = diffusion.emphasis(side, diffusion.MOVING_BOXES, weight=8)
    where = where * diffusion.emphasis(side, diffusion.MOVING_BOXES[1:], weight=MOUTH)

    def sharpen():
        """Before the first step, on some pictures half hidden in noise."""
        indices, found, hooks = np.arange(0, data.count, data.count // 16)[:16], {}, []
        for name in (name for name, module in unet.named_modules() if name.endswith("attn2")):
            attn = unet.get_submodule(name)
            hooks.append(attn.to_q.register_forward_hook(
                lambda _module, _inputs, rows, name=name, attn=attn: found.update({name: (attn, rows)})
            ))  # fmt: skip
        latents = data.of(data.latents, indices).to(options.device)
        told = networks.prompt_embeddings(text, data.of(data.faces, indices).to(options.device))
        with torch.no_grad():
            tokens = parts.image_proj(data.of(data.values, indices).to(options.device))
            unet(latents * 0.5 + torch.randn_like(latents) * 0.75**0.5, 500, told)
        order = [name.removesuffix(".processor") for name in unet.attn_processors if ".attn2." in name]
        attention.sharpen(cross, [found[name] for name in order], tokens)
        for hook in hooks:
            hook.remove()

    if not training.weights_file(options.run, "expression").exists():
        sharpen()

    def loss_of(_step, rng):
        indices = diffusion.runs_of_one_look(rng, data.count, rows, RUN_LENGTH)
        latents = data.of(data.latents, indices).to(options.device)
        values = data.of(data.values, indices).to(options.device)
        dropped = torch.from_numpy(rng.uniform(size=rows) < 0.1).to(options.device)
        with torch.no_grad():
            told = networks.prompt_embeddings(text, data.of(data.faces, indices[::RUN_LENGTH]).to(options.device))
            nothing = networks.negative_embeddings(text, options.device)
            told = torch.where(dropped[:, None, None], nothing, told)
        values = values * ~attention.repeated(dropped, len(values))[:, None]
        context.tokens = parts.image_proj(values)
        noise, steps, seen = diffusion.noised(latents, rng, RUN_LENGTH, power=0.5)
        loss, plain = diffusion.weighted_loss(unet(seen, steps, told).sample, noise, steps, where, early=20.0)
        return loss, {"plain": plain}

    training.train("expression", options, parts, loss_of)


if __name__ == "__main__":
    main()
