#!/usr/bin/env python3
"""Asks MediaPipe's own runtime, in its video mode, about the portrait moving, and writes mediapipe_video.json.

    python3 -m venv venv && venv/bin/pip install mediapipe==0.10.21 pillow
    venv/bin/python make_video_goldens.py face_landmarker.task ../../../../examples/portraits/astronaut.png

For one face the video mode smooths landmarks over time. Frames are made as in make_goldens.py; one of them is black.
"""

import json
import sys
from pathlib import Path

import mediapipe
import numpy as np
from PIL import Image

from make_goldens import checksum, portrait_from_copy, rounded, warp

WIDTH, HEIGHT, FRAMES, BLACK = 400, 300, 10, 6
# A first time of 0 is taken for none.
FIRST, STEP = 1000, 40
EVERY = 3  # landmarks that are kept


def placement(frame):
    """Scale, turn in degrees, the portrait's point that comes to lie on the frame's point."""
    return 1.2 + 0.03 * frame, 2.5 * frame - 8, (226, 118), (170 + 6 * frame, 140 - 2 * frame)


def main():
    task, portrait = sys.argv[1:]
    vision = mediapipe.tasks.vision
    landmarker = vision.FaceLandmarker.create_from_options(vision.FaceLandmarkerOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=task), running_mode=vision.RunningMode.VIDEO,
        num_faces=1, output_face_blendshapes=True, output_facial_transformation_matrixes=True))
    source = np.asarray(Image.open(portrait).convert("RGB"))
    frames = []
    for number in range(FRAMES):
        matrix = portrait_from_copy(*placement(number))
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8) if number == BLACK else warp(source, WIDTH, HEIGHT, matrix)
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
        result = landmarker.detect_for_video(image, FIRST + STEP * number)
        assert bool(result.face_landmarks) == (number != BLACK), f"frame {number}"
        frame = {"milliseconds": FIRST + STEP * number, "checksum": checksum(picture)}
        if number != BLACK:
            points = [[p.x * WIDTH, p.y * HEIGHT, p.z * WIDTH] for p in result.face_landmarks[0]]
            frame |= {"portrait_from_copy": matrix, "landmarks": rounded(points[::EVERY], 3),
                      "blendshapes": rounded([shape.score for shape in result.face_blendshapes[0]], 5),
                      "pose": rounded(result.facial_transformation_matrixes[0], 5)}
        frames.append(frame)
    lines = ",\n".join(json.dumps(frame, separators=(",", ":")) for frame in frames)
    text = f'{{"width": {WIDTH}, "height": {HEIGHT}, "every": {EVERY}, "frames": [\n{lines}\n]}}\n'
    Path(__file__).with_name("mediapipe_video.json").write_text(text)


if __name__ == "__main__":
    main()
