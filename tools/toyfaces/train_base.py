"""Stage 3: the base. Text model and UNet learn to paint a person of whom they get nothing but the face vector.

    python train_base.py RUN [--steps 4600] [--batch 24] [--minutes 60]

Look and expression are not told, so they come out at random, as in Arc2Face. One text row serves two pictures of the
person; in a tenth of the rows it is the empty prompt, for guidance.
"""

import torch

import attention
import diffusion
import networks
import training
from latents import Latents

RUN_LENGTH = 2


def main():
    parser = training.arguments(__doc__, steps=4600, batch=24, rate=8e-4, unit=RUN_LENGTH)
    parser.add_argument("--text-rate", type=float, default=0.05, help="the text model's share of the rate; 0: frozen")
    options = training.begin(parser)
    sizes, data = networks.config(options.run), Latents(options.run)
    text, unet = networks.text_model(sizes).to(options.device), networks.unet(sizes).to(options.device)
    # No adapters yet: only the attention that takes fewer rows of text than of pictures.
    attention.install(unet, attention.Context(), sizes["hidden"], rank=1)
    rows = options.batch // RUN_LENGTH
    where = diffusion.emphasis(data.latents.shape[-1], diffusion.FACE_BOXES, weight=4)

    def loss_of(_step, rng):
        indices = diffusion.runs_of_one_person(rng, data.count, rows, RUN_LENGTH)
        latents = data.of(data.latents, indices).to(options.device)
        faces = data.of(data.faces, indices[::RUN_LENGTH]).to(options.device)
        dropped = torch.from_numpy(rng.uniform(size=rows) < 0.1).to(options.device)
        with torch.set_grad_enabled(options.text_rate > 0):
            told = networks.prompt_embeddings(text, faces)
            told = torch.where(dropped[:, None, None], networks.negative_embeddings(text, options.device), told)
        noise, steps, seen = diffusion.noised(latents, rng)
        loss, plain = diffusion.weighted_loss(unet(seen, steps, told).sample, noise, steps, where)
        return loss, {"plain": plain}

    parts = training.Trained(text=text.requires_grad_(options.text_rate > 0), unet=unet)
    training.train("base", options, parts, loss_of, rates={"text": options.text_rate})


if __name__ == "__main__":
    main()
