"""What the three stages of the UNet share: noise, the loss, and who is drawn in a batch."""

import numpy as np
import torch
from diffusers import DDPMScheduler

import networks
import training
from data import EXPRESSIONS, PER_PERSON

NOISE_SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
ALPHAS = DDPMScheduler(**NOISE_SCHEDULE, num_train_timesteps=1000).alphas_cumprod
# Hang et al. 2023: steps with little noise count less.
SNR_LIMIT = 5.0
# In parts of the picture: the face, and what moves in it (eyes with brows, mouth).
FACE_BOXES = [(0.25, 0.25, 0.75, 0.97)]
MOVING_BOXES = [(0.25, 0.28, 0.75, 0.56), (0.31, 0.62, 0.69, 0.97)]


def noised(latents, rng, run=1, power=1.0):
    """Noise, timesteps spread evenly over the batch, and the latents with it.

    `run`: so many pictures in a row have the same noise and timestep. `power` below 1: more of the noisy timesteps.
    """
    count = len(latents) // run
    steps = ((rng.permutation(count) + rng.uniform(size=count)) / count) ** power * 1000
    steps = torch.from_numpy(steps).long().clamp(0, 999).to(latents.device).repeat_interleave(run)
    noise = torch.randn_like(latents[::run]).repeat_interleave(run, dim=0)
    alpha = ALPHAS.to(latents.device)[steps][:, None, None, None]
    return noise, steps, alpha.sqrt() * latents + (1 - alpha).sqrt() * noise


def emphasis(side, boxes, weight):
    """Weights of the (side, side) latents, 1 on average: `weight` times as much within boxes (left, top, right, bottom,
    in parts of the picture). Faces are a tenth of what varies in the pictures, and expressions one part in seventy."""
    at = (torch.arange(side) + 0.5) / side
    within = torch.zeros(side, side, dtype=torch.bool)
    for left, top, right, bottom in boxes:
        within |= ((at >= top) & (at < bottom))[:, None] & ((at >= left) & (at < right))
    weights = 1 + (weight - 1) * within.float()
    return weights / weights.mean()


def weighted_loss(guess, noise, steps, where=None, early=1.0):
    """The loss to minimise, with the weights `where` of `emphasis`, and the error without any weights.

    `early`: up to how much more the noisy steps count, so that errors of the picture, not of the noise, count alike.
    There adapters decide what is painted; later, the latents tell.
    """
    alpha = ALPHAS.to(guess.device)[steps]
    ratio = alpha / (1 - alpha)
    squares = (guess - noise).pow(2)
    error = (squares if where is None else squares * where.to(guess.device)).mean((1, 2, 3))
    weight = ratio.clamp(max=SNR_LIMIT) / ratio * ratio.reciprocal().clamp(1, early)
    return (error * weight).mean(), squares.mean()


def runs_of_one_look(rng, count, looks, size):
    """Indices of `looks` looks with `size` of their pictures each: (looks * size,)."""
    chosen = rng.integers(count // EXPRESSIONS, size=looks)
    inside = np.stack([rng.permutation(EXPRESSIONS)[:size] for _ in chosen])
    return (chosen[:, None] * EXPRESSIONS + inside).reshape(-1)


def runs_of_one_person(rng, count, persons, size):
    """Indices of `persons` persons with `size` of their pictures each, in any look."""
    chosen = rng.integers(count // PER_PERSON, size=persons)
    inside = np.stack([rng.permutation(PER_PERSON)[:size] for _ in chosen])
    return (chosen[:, None] * PER_PERSON + inside).reshape(-1)


def load_base(run):
    """Text model and UNet, frozen."""
    sizes = networks.config(run)
    text, unet = networks.text_model(sizes), networks.unet(sizes)
    training.load_average(run, "base", training.Trained(text=text, unet=unet))
    return text.eval().requires_grad_(False), unet.eval().requires_grad_(False)
