"""Stage 5: the reference adapter, on the frozen base with its frozen expression adapter.

    python train_reference.py RUN [--steps 1400] [--batch 24] [--minutes 40]

Of each look, one picture is the reference: the base without adapters sees it once at timestep 0, and what its blocks
have after norm1 is the bank. The other three pictures are painted; their self attention reads the bank, through
matrices with LoRA, and only these learn. In a tenth of the rows the prompt, the expression and the bank are left out
together, for guidance. The LoRA's scale varies, since it is used below 1.
"""

import torch

import attention
import diffusion
import networks
import training
from data import EXPRESSIONS
from latents import Latents
from train_expression import adapter

PAINTED = EXPRESSIONS - 1


def main():
    options = training.begin(training.arguments(__doc__, steps=1400, batch=24, rate=1e-3, unit=PAINTED))
    sizes, data = networks.config(options.run), Latents(options.run)
    text, unet = (part.to(options.device) for part in diffusion.load_base(options.run))
    context = attention.Context()
    cross, own = attention.install(unet, context, sizes["hidden"], sizes["lora_rank"])
    expression = adapter(sizes, cross).to(options.device)
    training.load_average(options.run, "expression", expression)
    expression.requires_grad_(False)
    loras = {name.replace(".", "/"): processor.lora for name, processor in own.items()}
    parts = training.Trained(loras=torch.nn.ModuleDict(loras)).to(options.device)
    rows = options.batch // PAINTED
    # What moves counts more, so that it is not copied from the reference.
    where = diffusion.emphasis(data.latents.shape[-1], diffusion.MOVING_BOXES, weight=4)

    def loss_of(_step, rng):
        indices = diffusion.runs_of_one_look(rng, data.count, rows, EXPRESSIONS).reshape(rows, EXPRESSIONS)
        first, painted = indices[:, 0], indices[:, 1:].reshape(-1)
        dropped = torch.from_numpy(rng.uniform(size=rows) < 0.1).to(options.device)
        out = attention.repeated(dropped, len(painted))
        with torch.no_grad():
            face = networks.prompt_embeddings(text, data.of(data.faces, first).to(options.device))
            nothing = networks.negative_embeddings(text, options.device)
            context.banks, context.tokens = None, None
            with attention.BankOf(unet) as found:
                unet(data.of(data.latents, first).to(options.device), 0, face)
            values = data.of(data.values, painted).to(options.device)
            tokens = expression.image_proj(values * ~out[:, None])
        context.banks, context.tokens, context.sees = found.banks, tokens, ~out
        context.lora_scale = float(rng.uniform(0.7, 1.0))
        told = torch.where(dropped[:, None, None], nothing, face)
        noise, steps, seen = diffusion.noised(data.of(data.latents, painted).to(options.device), rng, power=0.7)
        loss, plain = diffusion.weighted_loss(unet(seen, steps, told).sample, noise, steps, where, early=3.0)
        return loss, {"plain": plain}

    training.train("reference", options, parts, loss_of)


if __name__ == "__main__":
    main()
