"""The recogniser's crop of a picture, 112x112: the five points of a face at rest go to ArcFace's template."""

import numpy as np
import torch

import faces

SIDE = 112
# InsightFace's: left eye, right eye, nose, left and right corner of the mouth, as seen in the picture; pixels.
TEMPLATE = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]


def similarity(points, template):
    """a, b, x, y of the least-squares map (u, v) -> (a u - b v + x, b u + a v + y)."""
    rows, wanted = [], []
    for (u, v), (x, y) in zip(points, template, strict=True):
        rows += [[u, -v, 1, 0], [v, u, 0, 1]]
        wanted += [x, y]
    return np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0]


def crops(pictures, rng=None):
    """Of (N, 3, side, side) pictures; with `rng`, the points are a little beside their place."""
    grids = []
    for _ in range(len(pictures)):
        points = faces.five_points()
        if rng is not None:
            points = points + rng.normal(size=(5, 2)) * 0.008 + rng.normal(size=2) * 0.006
        a, b, x, y = similarity(np.array(TEMPLATE), points)
        # From grid_sample's -1..1 (edges of the crop) to its -1..1 of the picture.
        half = SIDE / 2
        middle = np.array([a * (half - 0.5) - b * (half - 0.5) + x, b * (half - 0.5) + a * (half - 0.5) + y])
        grids.append(
            [[2 * a * half, -2 * b * half, 2 * middle[0] - 1], [2 * b * half, 2 * a * half, 2 * middle[1] - 1]]
        )
    theta = torch.tensor(np.array(grids), dtype=pictures.dtype, device=pictures.device)
    grid = torch.nn.functional.affine_grid(theta, (len(pictures), 3, SIDE, SIDE), align_corners=False)
    return torch.nn.functional.grid_sample(pictures, grid, align_corners=False, padding_mode="border")
