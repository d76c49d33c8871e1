"""Stage 4: the expression adapter, on the frozen base.

    python train_expression.py RUN [--steps 3000] [--batch 16] [--minutes 40]

Learns `image_proj` (55 values to tokens) and keys and values for these tokens in every cross attention; text model and
UNet stay as they are. The unconditional half of guidance is the empty prompt with the projection of zeros, so both
are left out together in a tenth of the rows.
"""

import torch

import attention
import diffusion
import networks
import training
from latents import Latents

RUN_LENGTH = 2


def adapter(sizes, cross):
    """The parts that learn, by the names that they have in the file."""
    image_proj = attention.ExpressionTokens(
        networks.EXPRESSION, sizes["hidden"], sizes["tokens"], sizes["adapter_inner"]
    )
    return training.Trained(image_proj=image_proj, ip_adapter=torch.nn.ModuleDict(cross))


def main():
    options = training.begin(training.arguments(__doc__, steps=3000, batch=16, rate=1e-3))
    sizes, data = networks.config(options.run), Latents(options.run)
    text, unet = (part.to(options.device) for part in diffusion.load_base(options.run))
    context = attention.Context()
    cross, _ = attention.install(unet, context, sizes["hidden"], rank=1)
    parts = adapter(sizes, cross).to(options.device)
    rows = options.batch // RUN_LENGTH
    where = diffusion.emphasis(data.latents.shape[-1], diffusion.MOVING_BOXES, weight=8)

    def loss_of(_step, rng):
        indices = diffusion.runs_of_one_person(rng, data.count, rows, RUN_LENGTH)
        latents = data.of(data.latents, indices).to(options.device)
        values = data.of(data.values, indices).to(options.device)
        dropped = torch.from_numpy(rng.uniform(size=rows) < 0.1).to(options.device)
        with torch.no_grad():
            told = networks.prompt_embeddings(text, data.of(data.faces, indices[::RUN_LENGTH]).to(options.device))
            nothing = networks.negative_embeddings(text, options.device)
            told = torch.where(dropped[:, None, None], nothing, told)
        values = values * ~attention.repeated(dropped, len(values))[:, None]
        context.tokens = parts.image_proj(values)
        noise, steps, seen = diffusion.noised(latents, rng)
        loss, plain = diffusion.weighted_loss(unet(seen, steps, told).sample, noise, steps, where)
        return loss, {"plain": plain}

    training.train("expression", options, parts, loss_of)


if __name__ == "__main__":
    main()
