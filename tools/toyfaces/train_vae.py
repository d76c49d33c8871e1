"""Stage 1: the VAE, on parts of pictures of half the side: half of them anywhere, half around the face's middle.

    python train_vae.py RUN [--steps 5000] [--batch 4] [--minutes 30]

Loss: absolute and squared error of pixels, absolute error of their differences to the neighbours (which keeps edges
sharp), the error of hue in blocks of 4x4 (without it, hues come last), and a slight pull of the latents towards the
normal distribution.
"""

import torch

import diffusion
import networks
import training
from data import Pictures

KL_WEIGHT, EDGE_WEIGHT, SQUARE_WEIGHT, HUE_WEIGHT = 3e-4, 1.0, 4.0, 6.0
# What moves in a face counts more: it is small, and what expressions are read from.
MOVING_WEIGHT = 3.0
# So many parts of half the side stand for one whole picture in the end.
PARTS = 4


def reconstruction_loss(ours, theirs, where=1.0):
    """`where`: weights of the pixels, (N, 1, height, width)."""
    error = (ours - theirs) * where
    edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    hue = torch.nn.functional.avg_pool2d(error - error.mean(1, keepdim=True), 4)
    hue = hue.abs().mean() + SQUARE_WEIGHT * hue.pow(2).mean()
    return error.abs().mean() + HUE_WEIGHT * hue + SQUARE_WEIGHT * error.pow(2).mean() + EDGE_WEIGHT * edges


def main():
    options = training.begin(training.arguments(__doc__, steps=5000, batch=4, rate=2e-3, unit=PARTS))
    sizes, pictures = networks.config(options.run), Pictures(options.run)
    vae = networks.vae(sizes).to(options.device).train()
    side, part = sizes["side"], sizes["side"] // 2
    whole = int(0.9 * options.steps)
    weights = diffusion.emphasis(side, diffusion.MOVING_BOXES, MOVING_WEIGHT).to(options.device)
    # Upper ends of the parts around the face: low enough that the mouth is whole.
    middle = (side // 8, side // 2)

    def loss_of(step, rng):
        # The last tenth of the steps sees whole pictures, for the attention in the middle.
        count = options.batch if step < whole else options.batch // PARTS
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

    training.train("vae", options, training.Trained(vae=vae), loss_of)


if __name__ == "__main__":
    main()
