"""Between the stages: every picture's latents and its person's vector, computed once.

    python latents.py RUN [--threads 1]

Writes latents.npy (N, 4, side / 8, side / 8), scaled to deviation 1, faces.npy (N, 512), and scaling.json.
"""

import json

import numpy as np
import torch

import crops
import networks
import training
from data import PER_PERSON, Pictures
from files import write_text


class Latents:
    """What this script wrote, as far as it is: vectors that are not there yet are zeros."""

    def __init__(self, run):
        self.latents = np.load(run / "latents.npy", mmap_mode="r")
        self.faces = np.load(run / "faces.npy", mmap_mode="r")
        self.values = np.load(run / "values.npy")
        self.count = int(np.abs(self.faces).any(1).sum()) // PER_PERSON * PER_PERSON

    def of(self, rows, indices):
        return torch.from_numpy(np.ascontiguousarray(rows[indices])).float()


def load_vae(run):
    vae = networks.vae(networks.config(run))
    training.load_average(run, "vae", training.Trained(vae=vae))
    return vae.eval().requires_grad_(False)


def load_recogniser(run):
    recogniser = networks.Recogniser()
    parts = training.Trained(recogniser=recogniser, features=torch.nn.Linear(512, 14))
    training.load_average(run, "recogniser", parts)
    return recogniser.eval().requires_grad_(False)


@torch.no_grad()
def main():
    options = training.begin(training.arguments(__doc__, steps=0, batch=50, rate=0))
    run, pictures = options.run, Pictures(options.run)
    vae, recogniser = load_vae(run).to(options.device), load_recogniser(run).to(options.device)
    # One that was taken from a checkpoint keeps its scale, which the base knows.
    scaling = torch.load(training.weights_file(run, "vae"), map_location="cpu").get("scaling_factor")
    sample = vae.encode(pictures.batch(np.arange(0, pictures.count, pictures.count // 64)).to(options.device))
    scaling = scaling or 1 / sample.latent_dist.sample().std().item()
    shape = (pictures.count, 4, pictures.pictures.shape[1] // 8, pictures.pictures.shape[1] // 8)
    latents = np.lib.format.open_memmap(run / "latents.npy", "w+", np.float16, shape)
    faces = np.lib.format.open_memmap(run / "faces.npy", "w+", np.float16, (pictures.count, networks.FACE))
    for start in range(0, pictures.count, options.batch):
        batch = pictures.batch(np.arange(start, min(start + options.batch, pictures.count))).to(options.device)
        end = start + len(batch)
        latents[start:end] = (vae.encode(batch).latent_dist.sample() * scaling).cpu().numpy()
        vectors = torch.nn.functional.normalize(recogniser(crops.crops(batch)))
        faces[start:end] = vectors.cpu().numpy()
        if end % 5000 == 0:
            print(f"{end} of {pictures.count}", flush=True)
    # Last, because it says that the others are complete.
    write_text(run / "scaling.json", json.dumps({"scaling_factor": scaling}))
    print(f"scaling factor {scaling:.4f}")


if __name__ == "__main__":
    main()
