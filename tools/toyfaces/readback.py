"""Measures the driven parts of a toy face in a picture, by where its geometry says they are.

    python readback.py            how well it reads pictures that draw.py drew

A picture is (side, side, 3) of 0..1. Positions are measured as centroids and extents of soft masks, so that a little
blur moves them little. Numbers are in parts of the side (lids: 0 open to about 1 shut) and meant for comparison within
one person: they are not calibrated across faces.
"""

import numpy as np

import faces
from faces import EYE_X, EYE_Y, MOUTH_Y

LUMINANCE = np.array([0.299, 0.587, 0.114])
# How much more of their colour is red in lips than in skin.
LIP_RED = 0.15
# An open mouth's middle line hangs lower; how much higher its corners are than the line says.
PER_OPENING = 0.05


class Reader:
    def __init__(self, picture):
        self.picture = np.asarray(picture, np.float64)
        self.side = self.picture.shape[0]
        self.at = (np.arange(self.side) + 0.5) / self.side
        self.skin = np.median(self.box(0.47, 0.29, 0.53, 0.42)[0].reshape(-1, 3), axis=0)

    def box(self, left, top, right, bottom):
        rows, columns = (self.at >= top) & (self.at < bottom), (self.at >= left) & (self.at < right)
        return self.picture[np.ix_(rows, columns)], self.at[rows], self.at[columns]

    def closed(self, x):
        """Of an eye: how little of its box differs from skin."""
        pixels, _, _ = self.box(x - 0.05, EYE_Y - 0.046, x + 0.05, EYE_Y + 0.034)
        differs = np.abs(pixels - self.skin * 0.95).max(-1)
        return 1 - np.clip((differs - 0.10) / 0.12, 0, 1).mean() / 0.85

    def brow(self, x):
        """Height of a brow, by its ends, below which the eye's lashes are low."""
        pixels, ys, xs = self.box(x - 0.068, 0.275, x + 0.068, 0.43)
        dark = 1 - pixels @ LUMINANCE / (self.skin @ LUMINANCE)
        weight = np.clip(dark - 0.25, 0, 0.4) * (np.abs(xs - x) > 0.042)
        return faces.BROW_Y - (weight * ys[:, None]).sum() / (weight.sum() + 1e-9)

    def mouth_mask(self):
        """Redder than skin as lips are, or dark or pale as what is inside; with its ys and xs."""
        pixels, ys, xs = self.box(0.33, 0.625, 0.67, 0.93)
        red = (pixels + 0.02)[..., 0] / (pixels + 0.02).sum(-1)
        red -= (self.skin + 0.02)[0] / (self.skin + 0.02).sum()
        mask = np.maximum(np.clip((red / LIP_RED - 0.3) / 0.3, 0, 1), np.clip((-red / LIP_RED - 0.4) / 0.3, 0, 1))
        # Beside the chin there is no face any more.
        mask = mask * (ys[:, None] < 0.93 - 0.75 * np.abs(xs - 0.5))
        # What has mouth above and below is mouth too: teeth.
        return np.minimum(np.maximum.accumulate(mask, 0), np.maximum.accumulate(mask[::-1], 0)[::-1]), ys, xs

    def mouth(self):
        """Opening, width, and heights of the face's left and right corner."""
        mask, ys, xs = self.mouth_mask()
        pixel = 1 / self.side
        opening = mask[:, np.abs(xs - 0.5) < 0.03].sum(0).mean() * pixel
        # What lies on the same run of columns as the middle: cheeks and hair beside it do not count.
        profile = np.sort(mask, axis=0)[-2:].mean(0)
        middle = len(xs) // 2
        right_part, left_part = profile[middle:], profile[:middle][::-1]
        reach = [np.minimum.accumulate(np.clip(part * 1.5, 0, 1)).sum() * pixel for part in (left_part, right_part)]
        # The mouth as a parabola through the middles of its columns; its ends are the corners.
        inside = (xs > xs[middle] - reach[0]) & (xs < xs[middle] + reach[1])
        mass = mask.sum(0) * inside + 1e-6
        line = (mask * ys[:, None]).sum(0) / (mask.sum(0) + 1e-6)
        curve = [0, 0, 0]
        if inside.sum() > 3:
            curve = np.polyfit((xs - 0.5)[inside], line[inside], 2, w=np.sqrt(mass[inside]))
        left, right = (MOUTH_Y - np.polyval(curve, sign * sum(reach) / 2) for sign in (1, -1))
        return opening, sum(reach), left + PER_OPENING * opening, right + PER_OPENING * opening


def measure(picture):
    """The driven parts by the names in `faces.DRIVEN`."""
    read = Reader(picture)
    opening, width, left, right = read.mouth()
    brow_left, brow_right = read.brow(0.5 + EYE_X), read.brow(0.5 - EYE_X)
    return {
        "jaw_open": opening, "smile": (left + right) / 2, "mouth_width": width, "mouth_asymmetry": left - right,
        "lid_left": read.closed(0.5 + EYE_X), "lid_right": read.closed(0.5 - EYE_X),
        "brows": (brow_left + brow_right) / 2, "brow_asymmetry": brow_left - brow_right,
    }  # fmt: skip


def correlations(values, pictures):
    """Of what was asked (N, 55) with what is measured in N pictures, for each driven part; None where nothing moved."""
    rows = [measure(picture) for picture in pictures]
    found = {}
    for name, (index, _, _) in faces.DRIVEN.items():
        asked, seen = np.asarray(values)[:, index], np.array([row[name] for row in rows])
        still = asked.std() < 1e-6 or seen.std() < 1e-9
        found[name] = None if still else float(np.corrcoef(asked, seen)[0, 1])
    return found


def main():
    import draw

    rng, table = np.random.default_rng(5), []
    for seed in range(40):
        person, look = faces.Person.of_seed(seed + 5000), faces.Look.of_seed(seed + 5000)
        values = [faces.random_expression(rng) for _ in range(40)]
        pictures = [draw.draw(person, look, row) / 255 for row in values]
        blurred = [(p + np.roll(p, 1, 0) + np.roll(p, 1, 1) + np.roll(p, (1, 1), (0, 1))) / 4 for p in pictures]
        table.append([list(correlations(values, p).values()) for p in (pictures, blurred)])
    table = np.array(table)
    print(f"{'part':18} sharp: mean worst    blurred: mean worst")
    for at, name in enumerate(faces.DRIVEN):
        sharp, soft = table[:, 0, at], table[:, 1, at]
        print(f"{name:18} {sharp.mean():11.3f} {sharp.min():.3f} {soft.mean():16.3f} {soft.min():.3f}")


if __name__ == "__main__":
    main()
