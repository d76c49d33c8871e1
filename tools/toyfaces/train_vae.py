"""Stage 1: the VAE, on parts of pictures of half the side: half of them anywhere, half around the face's middle.

    python train_vae.py RUN [--steps 3400] [--batch 4] [--minutes 30]
    python train_vae.py RUN --decoder [--steps 6000]      later: the decoder alone goes on

The base needs the encoder only, so it can begin early, while the decoder goes on learning beside it.

Loss: absolute and squared error of pixels, absolute error of their differences to the neighbours (which keeps edges
sharp), the error of hue in blocks of 4x4 (without it, hues come last), and a slight pull of the latents towards the
normal distribution.
"""

import torch

import diffusion
import networks
import training
from data import Pictures
from latents import load_vae

KL_WEIGHT, EDGE_WEIGHT, SQUARE_WEIGHT, HUE_WEIGHT = 3e-4, 1.0, 4.0, 6.0
# What moves in a face counts more for the decoder: it is small, and what expressions are read from.
MOVING_WEIGHT = 4.0


def reconstruction_loss(ours, theirs, where=1.0):
    """`where`: weights of the pixels, (N, 1, height, width)."""
    error = (ours - theirs) * where
    edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    hue = torch.nn.functional.avg_pool2d(error - error.mean(1, keepdim=True), 4)
    hue = hue.abs().mean() + SQUARE_WEIGHT * hue.pow(2).mean()
    return error.abs().mean() + HUE_WEIGHT * hue + SQUARE_WEIGHT * error.pow(2).mean() + EDGE_WEIGHT * edges


def main():
    parser = training.arguments(__doc__, steps=3400, batch=4, rate=2e-3)
    parser.add_argument("--decoder", action="store_true")
    options = training.begin(parser)
    sizes, pictures = networks.config(options.run), Pictures(options.run)
    vae = load_vae(options.run) if options.decoder else networks.vae(sizes)
    vae = vae.to(options.device).train()
    side, part = sizes["side"], sizes["side"] // 2
    whole = int(0.9 * options.steps)
    weight = MOVING_WEIGHT if options.decoder else 1.0
    weights = diffusion.emphasis(side, diffusion.MOVING_BOXES, weight).to(options.device)
    # Upper ends of the parts around the face: its middle, and for the decoder lower, so that the mouth is whole.
    middle = (side // 4, side // 2) if options.decoder else (side // 8, side * 3 // 8)

    def loss_of(step, rng):
        # The last tenth of the steps sees whole pictures, for the attention in the middle.
        count = options.batch if step < whole else max(options.batch // 4, 1)
        batch = pictures.batch(rng.integers(pictures.count, size=count)).to(options.device)
        where = weights.expand(count, 1, side, side)
        if step < whole:
            anywhere, around = (0, side - part), (side // 8, side * 3 // 8)
            xs, ys = (
                [rng.integers(*(anywhere if at % 2 else near), endpoint=True) for at in range(count)]
                for near in (around, middle)
            )
            corners = list(zip(xs, ys, strict=True))
            batch, where = (
                torch.stack([one[:, y : y + part, x : x + part] for one, (x, y) in zip(rows, corners, strict=True)])
                for rows in (batch, where)
            )
        seen = vae.encode(batch).latent_dist
        ours = vae.decode(seen.sample()).sample
        kl = seen.kl().mean() / seen.mean[0].numel()
        error = (ours - batch).abs().mean()
        return reconstruction_loss(ours, batch, where) + KL_WEIGHT * kl, {"pixel": error, "kl": kl}

    if options.decoder:
        learning = {
            "decoder": vae.decoder.requires_grad_(True),
            "post_quant_conv": vae.post_quant_conv.requires_grad_(True),
        }
        training.train("decoder", options, training.Trained(**learning), loss_of)
    else:
        training.train("vae", options, training.Trained(vae=vae), loss_of)


if __name__ == "__main__":
    main()
