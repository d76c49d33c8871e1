"""Draws toy faces.

Shapes are signed distances (negative inside, in parts of the picture's side); coverage of a pixel follows from the
distance, which is smooth antialiasing at the price of one sample. Each shape is painted in its own window.
"""

import numpy as np

import faces
from faces import BROW_Y, EYE_X, EYE_Y, MOUTH_Y, NOSE_Y, Pose


class Canvas:
    def __init__(self, side):
        self.side = side
        self.line = ((np.arange(side) + 0.5) / side).astype(np.float32)
        self.pixels = np.zeros((side, side, 3), np.float32)

    def window(self, left, top, right, bottom):
        clip = lambda v: int(min(max(v, 0), self.side))  # noqa: E731
        rows = slice(clip(np.floor(top * self.side)), clip(np.ceil(bottom * self.side)))
        columns = slice(clip(np.floor(left * self.side)), clip(np.ceil(right * self.side)))
        return rows, columns, self.line[None, columns], self.line[rows, None]

    def paint(self, rows, columns, distance, colour, alpha=1.0, soft=0.0):
        """Paints where `distance` is negative; `soft` blurs the edge. The colour may differ from pixel to pixel."""
        pixel = 1.0 / self.side + soft
        cover = np.clip(0.5 - distance / pixel, 0.0, 1.0) * alpha
        part = self.pixels[rows, columns]
        part += (np.asarray(colour, np.float32) - part) * cover[..., None].astype(np.float32)

    def ellipse(self, x, y, rx, ry, colour, alpha=1.0, soft=0.0, turn=0.0):
        reach = max(rx, ry) + soft + 0.02
        rows, columns, xs, ys = self.window(x - reach, y - reach, x + reach, y + reach)
        self.paint(rows, columns, ellipse(xs - x, ys - y, rx, ry, turn), colour, alpha, soft)


def ellipse(dx, dy, rx, ry, turn=0.0):
    """About the distance to an ellipse: exact on its edge to first order."""
    if turn:
        c, s = np.cos(turn), np.sin(turn)
        dx, dy = c * dx + s * dy, c * dy - s * dx
    u, v = dx / rx, dy / ry
    f = np.sqrt(u * u + v * v) + 1e-6
    return (f - 1) * f / np.sqrt((u / rx) ** 2 + (v / ry) ** 2 + 1e-6)


def face_outline(xs, ys, person, pose, grow=0.0):
    """Round above the eyes; below, an egg that is squarer for some, down to the chin."""
    rx = person.half_width + grow
    middle, chin = 0.50, pose.chin + 0.02 * (person.chin - 0.5) + grow
    up, down = middle - 0.165 + grow, chin - middle
    u = np.abs(xs - 0.5) / rx
    v = np.where(ys < middle, (middle - ys) / up, (ys - middle) / down)
    n = np.where(ys < middle, 2.0, 2.0 + 0.5 * person.square).astype(np.float32)
    f = (u**n + v**n) ** (1 / n) + 1e-6
    return (f - 1) * min(rx, down)


def background(canvas, look):
    rows, columns, xs, ys = canvas.window(0, 0, 1, 1)
    canvas.pixels[:] = look.back.astype(np.float32)
    if look.pattern == "gradient":
        share = (0.5 + 0.5 * np.cos(3.0 * (ys + 0.4 * (look.phase - 0.5) * xs)))[..., None]
        canvas.pixels += (look.front - look.back).astype(np.float32) * share.astype(np.float32)
        return
    if look.pattern == "halves":
        distance = (xs - 0.5) * np.sin(np.pi * look.phase) + (ys - 0.5) * np.cos(np.pi * look.phase)
    else:
        distance = np.sqrt((xs - 0.5) ** 2 + (ys - 0.42) ** 2) - 0.36 - 0.1 * look.phase
    canvas.paint(rows, columns, distance, look.front)


def hair_behind(canvas, person, look):
    rows, columns, xs, ys = canvas.window(0, 0, 1, 1)
    wide = person.half_width + 0.035 + 0.035 * look.volume
    distance = ellipse(xs - 0.5, ys - 0.43, wide, 0.315 + 0.02 * look.volume)
    if look.style in ("long", "bob"):
        end = 1.1 if look.style == "long" else 0.80
        strip = np.maximum(np.abs(xs - 0.5) - wide - 0.06 * np.clip(ys - 0.43, 0, 1), np.maximum(0.43 - ys, ys - end))
        distance = np.minimum(distance, strip)
    else:
        if look.style == "bun":
            distance = np.minimum(distance, ellipse(xs - 0.5, ys - 0.085, 0.105, 0.085))
        distance = np.maximum(distance, ys - 0.52)
    shade = 0.72 + 0.25 * np.clip(1 - 1.6 * np.abs(ys - 0.2), 0, 1)
    canvas.paint(rows, columns, distance, look.hair * shade[..., None])


def hair_before(canvas, person, look):
    rows, columns, xs, ys = canvas.window(0.1, 0.05, 0.9, 0.58)
    cap = ellipse(xs - 0.5, ys - 0.43, person.half_width + 0.03 + 0.03 * look.volume, 0.305 + 0.02 * look.volume)
    # The hair line: highest at the parting, down at the temples.
    part = 0.5 + 0.11 * look.parting
    side = np.abs(xs - part)
    line = 0.215 + 0.25 * side**1.5 + 8.0 * np.clip(np.abs(xs - 0.5) - person.half_width * 0.80, 0, 1) ** 1.3
    distance = np.maximum(cap, (ys - line) * 0.75)
    shine = 0.85 + 0.35 * np.clip(1 - 9 * np.abs(ys - 0.17 - 0.6 * (xs - 0.5) ** 2), 0, 1)
    canvas.paint(rows, columns, distance, np.clip(look.hair * shine[..., None], 0, 1))


def body(canvas, person, look):
    rows, columns, xs, ys = canvas.window(0, 0.7, 1, 1)
    canvas.paint(rows, columns, ellipse(xs - 0.5, ys - 1.22, 0.46, 0.30), look.cloth)
    neck = np.maximum(np.abs(xs - 0.5) - 0.125 - 0.02 * person.square, ys - 0.985)
    canvas.paint(rows, columns, neck, person.skin * 0.80, soft=0.01)
    canvas.ellipse(0.5, 0.96, 0.13, 0.05, person.skin * 0.80)


def head(canvas, person, pose):
    for sign in (-1, 1):
        x = 0.5 + sign * (person.half_width + 0.005)
        canvas.ellipse(x, 0.53, 0.035, 0.062, person.skin * 0.90)
        canvas.ellipse(x, 0.535, 0.017, 0.035, person.skin * 0.76, soft=0.01)
    rows, columns, xs, ys = canvas.window(0.18, 0.1, 0.82, 1)
    distance = face_outline(xs, ys, person, pose)
    shade = 1.0 - 0.20 * np.clip(1 + distance / 0.11, 0, 1) ** 2 - 0.05 * (xs - 0.4)
    canvas.paint(rows, columns, distance, np.clip(person.skin * shade[..., None], 0, 1))
    for sign in (-1, 1):
        canvas.ellipse(0.5 + sign * EYE_X, EYE_Y - 0.01, 0.085, 0.062, person.skin * 0.82, 0.40, soft=0.06)
        blush = person.skin * np.array([1.0, 0.78, 0.78])
        canvas.ellipse(0.5 + sign * 0.175, 0.595, 0.055, 0.04, blush, 0.25 + 0.6 * person.blush, soft=0.06)


def nose(canvas, person):
    width, length = 0.026 + 0.018 * person.nose_width, 0.6 + 0.4 * person.nose_length
    tip = NOSE_Y + 0.012 * (person.nose_length - 0.5)
    dark, light = person.skin * 0.70, np.clip(person.skin * 1.10, 0, 1)
    canvas.ellipse(0.5 + 0.020, tip - 0.06 * length, 0.010, 0.07 * length, person.skin * 0.84, 0.7, soft=0.025)
    canvas.ellipse(0.5, tip + 0.012, width + 0.014, 0.018, dark, 0.75, soft=0.03)
    canvas.ellipse(0.5, tip - 0.004, width, 0.020, np.clip(person.skin * 1.03, 0, 1), 0.9, soft=0.02)
    canvas.ellipse(0.497, tip - 0.05 * length, 0.007, 0.055 * length, light, 0.6, soft=0.015)
    for sign in (-1, 1):
        canvas.ellipse(0.5 + sign * width * 0.55, tip + 0.014, 0.009, 0.006, person.skin * 0.38, 0.9, soft=0.006)


def eye(canvas, person, x, closed):
    wide, high = 0.070 + 0.010 * person.eye_size, 0.042 + 0.012 * person.eye_size
    rows, columns, xs, ys = canvas.window(x - 0.1, EYE_Y - 0.09, x + 0.1, EYE_Y + 0.09)
    arch = 1 - ((xs - x) / wide) ** 2
    lower = EYE_Y + 0.72 * high * arch
    upper = EYE_Y - high * arch + 1.72 * high * arch * closed
    opening = np.maximum(upper - ys, ys - lower) * 0.85
    opening = np.maximum(opening, np.abs(xs - x) - wide)
    canvas.paint(rows, columns, opening, (0.97, 0.97, 0.96))
    round_ = np.sqrt((xs - x) ** 2 + (ys - EYE_Y + 0.003) ** 2)
    iris = faces.blend(faces.IRISES, person.iris)
    size = 0.034 + 0.006 * person.eye_size
    canvas.paint(rows, columns, np.maximum(opening, round_ - size), iris * 0.55)
    canvas.paint(rows, columns, np.maximum(opening, round_ - size * 0.82), iris)
    canvas.paint(rows, columns, np.maximum(opening, round_ - size * 0.46), (0.04, 0.04, 0.05))
    glint = np.sqrt((xs - x + 0.010) ** 2 + (ys - EYE_Y + 0.014) ** 2)
    canvas.paint(rows, columns, np.maximum(opening, glint - 0.008), (1.0, 1.0, 1.0))
    lash = np.maximum(np.abs(ys - upper + 0.002) - 0.007, np.abs(xs - x) - wide)
    canvas.paint(rows, columns, lash, person.skin * 0.20, 0.95)


def brow(canvas, person, x, raised, side):
    rows, columns, xs, ys = canvas.window(x - 0.11, 0.24, x + 0.11, 0.48)
    u = (xs - x) / 0.083
    middle = BROW_Y - raised + 0.020 * u**2 - 0.006 * u * side
    thick = (0.012 + 0.007 * person.brow_thick) * (1 - 0.45 * np.clip(u * side, 0, 1))
    canvas.paint(rows, columns, np.maximum(np.abs(ys - middle) - thick, (np.abs(u) - 1) * 0.083), person.brows)


def mouth(canvas, person, pose):
    rows, columns, xs, ys = canvas.window(0.28, 0.6, 0.72, 1)
    u = (xs - 0.5) / pose.half_width
    arch = 1 - u * u
    # u = 1 is the face's left corner.
    both, twist = (pose.corner_left + pose.corner_right) / 2, (pose.corner_left - pose.corner_right) / 2
    line = MOUTH_Y + 0.004 - (0.010 + both) * u * u - twist * u * (0.5 + 0.5 * np.abs(u))
    # Lips are thick up to their round ends, so that these are seen through latents of 16x16.
    full, ends = 0.018 + 0.008 * person.lip_full, (np.abs(u) - 1) * pose.half_width
    thick = np.sqrt(np.clip(1 - u**4, 0, 1))
    upper, lower = line - 0.3 * pose.opening * arch, line + 0.7 * pose.opening * arch
    bow = 0.75 + 0.25 * np.cos(2.6 * np.pi * u) * np.exp(-3 * u * u)
    lips = np.maximum(upper - full * (0.35 + bow) * thick - ys, ys - lower - 1.6 * full * thick)
    canvas.ellipse(0.5, MOUTH_Y + 0.7 * pose.opening + 0.055, 0.06, 0.014, person.skin * 0.80, 0.6, soft=0.03)
    canvas.paint(rows, columns, np.maximum(lips, ends), person.lips)
    shine = np.maximum(np.abs(ys - lower - 0.75 * full) - 0.35 * full, np.abs(u) * pose.half_width - 0.045)
    canvas.paint(rows, columns, shine, np.clip(person.lips * 1.25, 0, 1), 0.45, soft=0.012)
    seam = 0.0045 * np.clip(1 - np.abs(u) ** 4, 0, 1)
    inside = np.maximum(np.maximum(upper - seam - ys, ys - lower - seam), ends)
    canvas.paint(rows, columns, inside, (0.20, 0.04, 0.06))
    teeth = np.maximum(inside + 0.003, ys - upper - 0.020)
    if pose.opening > 0.02:
        strength = min(1.0, (pose.opening - 0.02) / 0.02)
        canvas.paint(rows, columns, np.maximum(teeth, np.abs(u) - 0.85), (0.96, 0.95, 0.92), strength)
        tongue = ellipse(xs - 0.5, ys - MOUTH_Y - 0.7 * pose.opening - 0.006, 0.055, 0.35 * pose.opening)
        canvas.paint(rows, columns, np.maximum(inside + 0.004, tongue), (0.62, 0.20, 0.22), strength)


def draw(person, look, values, side=128):
    """(side, side, 3) of uint8."""
    canvas, pose = Canvas(side), Pose.of(values)
    background(canvas, look)
    hair_behind(canvas, person, look)
    body(canvas, person, look)
    head(canvas, person, pose)
    nose(canvas, person)
    for x, lid, raised, sign in ((0.5 + EYE_X, pose.lid_left, pose.brow_left, 1),
                                 (0.5 - EYE_X, pose.lid_right, pose.brow_right, -1)):  # fmt: skip
        eye(canvas, person, x, lid)
        brow(canvas, person, x, raised, sign)
    mouth(canvas, person, pose)
    hair_before(canvas, person, look)
    return (np.clip(canvas.pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
