#!/usr/bin/env python3
"""Asks MediaPipe's own runtime about the example portrait and warped copies, and writes mediapipe.json.

    python3 -m venv venv && venv/bin/pip install mediapipe==0.10.21 pillow
    venv/bin/python make_goldens.py face_landmarker.task ../../../../examples/portraits/astronaut.png

../../models/README.md says where the bundle comes from. The copies are not stored: the warp is integer arithmetic, the
test repeats it to the last bit, and a checksum proves that.
"""

import json
import math
import sys
from pathlib import Path

import mediapipe
import numpy as np
from PIL import Image

ONE = 1 << 16  # 16.16 fixed point
# name: width, height, scale, turn in degrees, the portrait's point that comes to lie on the copy's point.
CASES = {
    "upright": (512, 512, 1.0, 0.0, (0, 0), (0, 0)),
    "turned": (512, 512, 1.25, 18.0, (226, 118), (200, 230)),
    "large": (720, 960, 2.3, -6.0, (226, 118), (300, 420)),
    "cut_off": (600, 500, 1.6, 4.0, (226, 118), (250, 66)),
    "mirrored": (400, 512, -1.0, 0.0, (226, 118), (180, 140)),
}
# MediaPipe finds no face in these.
UNFOUND = {"small": (640, 360, 0.62, 3.0, (226, 118), (420, 150))}


def portrait_from_copy(scale, degrees, portrait, copy):
    """x = (m[0] * u + m[1] * v + m[2]) / ONE, y likewise from m[3..6]; a negative scale mirrors."""
    cos, sin = math.cos(math.radians(degrees)) / abs(scale), math.sin(math.radians(degrees)) / abs(scale)
    mirror = math.copysign(1.0, scale)
    matrix = [[mirror * cos, mirror * sin], [-sin, cos]]
    rows = [(*row, portrait[i] - row[0] * copy[0] - row[1] * copy[1]) for i, row in enumerate(matrix)]
    return [round(value * ONE) for row in rows for value in row]


def warp(source, width, height, m):
    """Bilinear with 8-bit weights, edges repeated; integers only."""
    v, u = np.mgrid[0:height, 0:width].astype(np.int64)
    x, y = m[0] * u + m[1] * v + m[2], m[3] * u + m[4] * v + m[5]
    fx, fy = ((x & 0xFFFF) >> 8)[..., None], ((y & 0xFFFF) >> 8)[..., None]
    x0, y0 = x >> 16, y >> 16

    def pixel(dx, dy):
        return source[(y0 + dy).clip(0, source.shape[0] - 1), (x0 + dx).clip(0, source.shape[1] - 1)].astype(np.int64)

    upper = pixel(0, 0) * (256 - fx) + pixel(1, 0) * fx
    lower = pixel(0, 1) * (256 - fx) + pixel(1, 1) * fx
    return ((upper * (256 - fy) + lower * fy + (1 << 15)) >> 16).astype(np.uint8)


def checksum(picture):
    """Sum of each byte times its position, modulo 2^32."""
    flat = picture.ravel().astype(np.uint64)
    return int((flat * np.arange(1, flat.size + 1, dtype=np.uint64)).sum() & np.uint64(0xFFFFFFFF))


def rounded(values, digits):
    return np.round(np.asarray(values, np.float64), digits).tolist()


def main():
    task, portrait = sys.argv[1:]
    vision = mediapipe.tasks.vision
    landmarker = vision.FaceLandmarker.create_from_options(vision.FaceLandmarkerOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=task),
        output_face_blendshapes=True, output_facial_transformation_matrixes=True))
    source = np.asarray(Image.open(portrait).convert("RGB"))
    goldens = {}
    for name, (width, height, *placement) in (CASES | UNFOUND).items():
        matrix = portrait_from_copy(*placement)
        picture = warp(source, width, height, matrix)
        golden = {"width": width, "height": height, "portrait_from_copy": matrix, "checksum": checksum(picture)}
        result = landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture))
        if name in UNFOUND:
            assert not result.face_landmarks, f"MediaPipe finds a face in {name}"
        else:
            golden["landmarks"] = rounded(
                [[p.x * width, p.y * height, p.z * width] for p in result.face_landmarks[0]], 3)
            golden["blendshapes"] = rounded([shape.score for shape in result.face_blendshapes[0]], 5)
            golden["pose"] = rounded(result.facial_transformation_matrixes[0], 5)
            print(name, "box", golden["landmarks"][10][:2], golden["landmarks"][152][:2], golden["pose"])
        goldens[name] = golden
    lines = [f"{json.dumps(name)}: {json.dumps(golden, separators=(',', ':'))}" for name, golden in goldens.items()]
    Path(__file__).with_name("mediapipe.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
