"""What a toy face is: a person, a look and an expression, all from seeds, and where everything lies.

Positions are parts of the picture's side, x to the right, y down. The picture is the aligned square that the
diffusion renderer paints: FFHQ's alignment of such a picture, with the landmarks that MediaPipe sees in it, gives
the picture itself to a hundredth of its side. Left and right in names are the face's own, as in FLAME and ARKit: the
face's left eye is on the right of the picture.

A person is what the recogniser knows (skin, face, eyes, brows, nose, lips). A look is what only a reference picture
can tell (hair, background, clothes). The same person may have any look.
"""

import dataclasses

import numpy as np

EYE_Y, EYE_X = 0.470, 0.125
MOUTH_Y, NOSE_Y = 0.750, 0.622
BROW_Y = 0.358
CHIN_Y = 0.900
MOUTH_HALF_WIDTH = 0.112

# The 55 values in the order of the expression adapter: 50 expression, eyelids left and right, jaw x, y, z.
VALUES = 55
SMILE, WIDTH, BROWS, TWIST, BROW_TWIST = range(5)
LID_LEFT, LID_RIGHT, JAW = 50, 51, 52
# The values that move something, by what they move, with their range. All others move nothing.
DRIVEN = {
    "jaw_open": (JAW, 0.0, 0.4),
    "smile": (SMILE, -2.0, 2.0),
    "mouth_width": (WIDTH, -2.0, 2.0),
    "mouth_asymmetry": (TWIST, -2.0, 2.0),
    "lid_left": (LID_LEFT, 0.0, 1.0),
    "lid_right": (LID_RIGHT, 0.0, 1.0),
    "brows": (BROWS, -2.0, 2.0),
    "brow_asymmetry": (BROW_TWIST, -2.0, 2.0),
}
# What one unit of a value moves, in parts of the picture's side.
# Large, as in a cartoon: latents are 16x16, so that a movement of a few pixels would hide in one of them.
OPENING_PER_RAD, CHIN_PER_RAD = 0.36, 0.22
CORNER_PER_UNIT, WIDTH_PER_UNIT, BROW_PER_UNIT = 0.032, 0.021, 0.024
# How far a corner or a brow goes down and up at most, where two values pull it the same way.
CORNER_REACH, BROW_REACH = (-0.064, 0.090), (-0.060, 0.060)

# Deviation of the values that move nothing.
IDLE = 0.2

SKINS = [(0.99, 0.88, 0.80), (0.96, 0.80, 0.68), (0.89, 0.69, 0.54), (0.76, 0.55, 0.41), (0.60, 0.42, 0.31)]
IRISES = [(0.22, 0.48, 0.80), (0.25, 0.55, 0.38), (0.52, 0.38, 0.16), (0.30, 0.17, 0.09), (0.45, 0.53, 0.60)]
HAIRS = [(0.10, 0.09, 0.10), (0.24, 0.15, 0.10), (0.42, 0.26, 0.15), (0.58, 0.22, 0.12), (0.82, 0.42, 0.16)]
HAIRS += [(0.88, 0.72, 0.40), (0.93, 0.88, 0.76), (0.60, 0.61, 0.64), (0.86, 0.42, 0.62), (0.20, 0.55, 0.60)]
HAIR_STYLES = ["short", "long", "bob", "bun"]
PATTERNS = ["gradient", "halves", "disc"]


def blend(palette, at):
    """The colour at 0..1 along a palette."""
    place = at * (len(palette) - 1)
    low = min(int(place), len(palette) - 2)
    a, b = np.array(palette[low]), np.array(palette[low + 1])
    return a + (b - a) * (place - low)


@dataclasses.dataclass
class Person:
    """Each between 0 and 1."""

    tone: float
    warmth: float
    width: float
    square: float
    chin: float
    eye_size: float
    iris: float
    brow_thick: float
    brow_dark: float
    nose_width: float
    nose_length: float
    lip_red: float
    lip_full: float
    blush: float

    @classmethod
    def of_seed(cls, seed):
        return cls(*np.random.default_rng([1, seed]).uniform(size=len(dataclasses.fields(cls))))

    def genes(self):
        return np.array(dataclasses.astuple(self), np.float32)

    @property
    def skin(self):
        return np.clip(blend(SKINS, self.tone) + (self.warmth - 0.5) * np.array([0.04, 0.0, -0.10]), 0, 1)

    @property
    def lips(self):
        red = np.array([0.82, 0.13, 0.22]) * (0.8 + 0.2 * self.skin[0])
        return self.skin + (red - self.skin) * (0.7 + 0.3 * self.lip_red)

    @property
    def brows(self):
        return self.skin * (0.18 + 0.22 * self.brow_dark) * np.array([1.0, 0.85, 0.75])

    @property
    def half_width(self):
        return 0.245 + 0.045 * self.width


@dataclasses.dataclass
class Look:
    hair: np.ndarray
    style: str
    parting: float
    volume: float
    pattern: str
    back: np.ndarray
    front: np.ndarray
    phase: float
    cloth: np.ndarray

    @classmethod
    def of_seed(cls, seed):
        rng = np.random.default_rng([2, seed])
        hair = np.array(HAIRS[rng.integers(len(HAIRS))]) * rng.uniform(0.85, 1.1)
        grey = rng.uniform(0.25, 0.9)
        back = grey + 0.55 * (rng.uniform(0.1, 0.95, 3) - grey)
        front = np.clip(back + rng.uniform(0.10, 0.25) * rng.choice([-1, 1]) * rng.uniform(0.5, 1, 3), 0.05, 1)
        return cls(
            hair=np.clip(hair, 0, 1), style=HAIR_STYLES[rng.integers(len(HAIR_STYLES))], parting=rng.uniform(-1, 1),
            volume=rng.uniform(), pattern=PATTERNS[rng.integers(len(PATTERNS))], back=back, front=front,
            phase=rng.uniform(), cloth=rng.uniform(0.1, 0.9, 3),
        )  # fmt: skip


def random_expression(rng, idle=0.5):
    """55 values: about half of the driven ones at rest; the idle ones at rest too in `idle` of the cases."""
    values = np.zeros(VALUES, np.float32)
    for index, low, high in DRIVEN.values():
        if rng.uniform() < 0.6:
            values[index] = rng.uniform(low, high)
    if rng.uniform() < 0.3:
        values[LID_LEFT] = values[LID_RIGHT] = rng.uniform()
    if rng.uniform() > idle:
        moving = [index for index, _, _ in DRIVEN.values()]
        noise = rng.normal(size=VALUES) * IDLE
        noise[[50, 51, 52]], noise[[53, 54]] = 0, np.clip(noise[[53, 54]] * 0.1, -0.2, 0.2)
        noise[moving] = 0
        values += noise.astype(np.float32)
    return values


@dataclasses.dataclass
class Pose:
    """Where the moving parts are."""

    opening: float
    chin: float
    half_width: float
    corner_left: float
    corner_right: float
    lid_left: float
    lid_right: float
    brow_left: float
    brow_right: float

    @classmethod
    def of(cls, values):
        jaw, lids = np.clip(values[JAW], 0, 0.45), np.clip(values[[LID_LEFT, LID_RIGHT]], 0, 1)
        smile, width, brows, twist, brow_twist = np.clip(values[:5], -3, 3)
        corner = np.clip([CORNER_PER_UNIT * (smile + sign * twist) for sign in (1, -1)], *CORNER_REACH)
        brow = np.clip([BROW_PER_UNIT * (brows + sign * brow_twist) for sign in (1, -1)], *BROW_REACH)
        return cls(
            opening=OPENING_PER_RAD * jaw, chin=CHIN_Y + CHIN_PER_RAD * jaw,
            half_width=MOUTH_HALF_WIDTH + WIDTH_PER_UNIT * width,
            corner_left=corner[0], corner_right=corner[1], lid_left=lids[0], lid_right=lids[1],
            brow_left=brow[0], brow_right=brow[1],
        )  # fmt: skip


def five_points():
    """Eyes, nose and corners of the mouth of a face at rest, from the left of the picture, as ArcFace's template."""
    return np.array([
        [0.5 - EYE_X, EYE_Y], [0.5 + EYE_X, EYE_Y], [0.5, NOSE_Y],
        [0.5 - MOUTH_HALF_WIDTH, MOUTH_Y], [0.5 + MOUTH_HALF_WIDTH, MOUTH_Y],
    ])  # fmt: skip
