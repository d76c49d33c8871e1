#!/usr/bin/env python3
"""Cuts faces out of the example portrait with OpenCV and with Arc2Face's own code.

    python3 -m venv venv && venv/bin/pip install "numpy<2" "opencv-python-headless<4.12" pillow scipy
    git clone https://github.com/foivospar/Arc2Face
    venv/bin/python make_align_goldens.py Arc2Face ../../../../examples/portraits/astronaut.png

The points stand in align.json and stay as they are; matrices and pictures are made again.
"""

import importlib.util
import json
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import scipy.ndimage  # image_align takes it for loaded

HERE = Path(__file__).resolve().parent
TEMPLATE = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]


def image_align(checkout):
    """Arc2Face's function. Its file also imports torch, which alignment does not use."""
    for name in ("torch", "torch.nn", "torch.nn.functional"):
        sys.modules.setdefault(name, types.ModuleType(name))
    torch = sys.modules["torch"]
    torch.nn, torch.nn.functional = sys.modules["torch.nn"], sys.modules["torch.nn.functional"]
    torch.no_grad = lambda: lambda function: function
    spec = importlib.util.spec_from_file_location("utils", Path(checkout) / "arc2face/utils.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.image_align


def umeyama(source, target):
    """Umeyama's similarity by singular values, as scikit-image computes it."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    source, target = source - source_mean, target - target_mean
    u, singular, v = np.linalg.svd(target.T @ source / len(source))
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])
    rotation = u @ np.diag(signs) @ v
    scale = singular @ signs / source.var(0).sum()
    return np.column_stack([scale * rotation, target_mean - scale * rotation @ source_mean])


def save(pixels, name):
    PIL.Image.fromarray(pixels).save(HERE / f"{name}.png", optimize=True)


def main():
    checkout, portrait = sys.argv[1:]
    align = image_align(checkout)
    portrait = np.asarray(PIL.Image.open(portrait).convert("RGB"))
    goldens = json.loads((HERE / "align.json").read_text())
    for name, golden in goldens["identity"].items():
        matrix = umeyama(np.array(golden["points"]), np.array(TEMPLATE))
        golden["matrix"] = matrix.tolist()
        save(cv2.warpAffine(portrait, matrix, (112, 112), borderValue=0), f"identity_{name}")
    for name, golden in goldens["aligned"].items():
        times = golden["times"]
        picture = PIL.Image.fromarray(portrait.repeat(times, 0).repeat(times, 1))
        points = np.zeros((68, 2))
        points[36:60] = golden["points"]
        save(np.asarray(align(picture, points, output_size=512)), f"aligned_{name}")
    lines = [
        f'"{kind}": {{\n' + ",\n".join(f'"{name}": {json.dumps(golden)}' for name, golden in cases.items()) + "\n}"
        for kind, cases in goldens.items()
    ]
    (HERE / "align.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
