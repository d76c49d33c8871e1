"""Stage 2: the recogniser. Two pictures of one person, in other looks and expressions, shall have one direction.

    python train_recogniser.py RUN [--steps 2400] [--batch 64] [--minutes 15]

Loss: contrastive (each picture must find the other of its person among the batch), and from the direction a linear
layer must tell the person's features, so that everything about a person is in it and nothing about the look.
"""

import numpy as np
import torch

import crops
import networks
import training
from data import EXPRESSIONS, LOOKS, PER_PERSON, Pictures
from faces import Person

TEMPERATURE, FEATURE_WEIGHT = 0.1, 10.0


def disturbed(batch, rng):
    """Grain, brightness and blur, as pictures from elsewhere have them."""
    shape = (len(batch), 1, 1, 1)
    batch = batch * torch.from_numpy(rng.uniform(0.95, 1.05, shape)).float()
    batch = batch + torch.from_numpy(rng.normal(size=(len(batch), 3, 1, 1)) * 0.015).float()
    blurred = torch.nn.functional.avg_pool2d(batch, 3, 1, 1, count_include_pad=False)
    batch = torch.lerp(batch, blurred, torch.from_numpy(rng.uniform(-0.6, 1, shape)).float())
    return batch + torch.randn_like(batch) * float(rng.uniform(0, 0.05))


def main():
    options = training.begin(training.arguments(__doc__, steps=2400, batch=64, rate=2e-3, unit=2))
    pictures = Pictures(options.run)
    recogniser = networks.Recogniser().to(options.device)
    parts = training.Trained(recogniser=recogniser, features=torch.nn.Linear(512, 14).to(options.device))
    persons = pictures.count // PER_PERSON

    def loss_of(_step, rng):
        chosen = rng.choice(persons, size=options.batch // 2, replace=False)
        look = rng.integers(LOOKS, size=len(chosen))
        # Mostly in two looks, sometimes in the same one.
        other = np.where(rng.uniform(size=len(chosen)) < 0.75, 1 - look, look)
        indices = [chosen * PER_PERSON + which * EXPRESSIONS + rng.integers(EXPRESSIONS, size=len(chosen))
                   for which in (look, other)]  # fmt: skip
        batch = disturbed(crops.crops(pictures.batch(np.concatenate(indices)), rng), rng).to(options.device)
        faces = torch.nn.functional.normalize(recogniser(batch))
        # Its numbers are about 1 / sqrt(512); a linear layer learns faster from larger ones.
        told = parts.features(faces * 3)
        genes = torch.from_numpy(np.stack([Person.of_seed(seed).genes() for seed in chosen])).to(options.device)
        error = (told - genes.repeat(2, 1)).pow(2).mean()
        count = len(chosen)
        alike = faces @ faces.T / TEMPERATURE
        alike.fill_diagonal_(-1e4)
        partner = torch.arange(2 * count, device=faces.device).roll(count)
        contrast = torch.nn.functional.cross_entropy(alike, partner)
        right = (alike.argmax(1) == partner).float().mean()
        same = (faces[:count] * faces[count:]).sum(1).mean()
        return contrast + FEATURE_WEIGHT * error, {
            "contrast": contrast,
            "features": error,
            "right": right,
            "same": same,
        }

    training.train("recogniser", options, parts, loss_of)


if __name__ == "__main__":
    main()
