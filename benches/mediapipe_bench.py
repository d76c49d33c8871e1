#!/usr/bin/env python3
"""How long MediaPipe's Python runtime takes to follow a face through a folder of PNG frames, decoding not counted.

    python3 -m venv venv && venv/bin/pip install mediapipe==0.10.21 pillow
    venv/bin/python benches/mediapipe_bench.py face_landmarker.task FOLDER [--runs 3] [--fps 25] [--compare FILE]

Video mode, one face, blendshapes and transformation matrix. FILE is what `track_bench --smooth --dump FILE` wrote of
the same folder; --compare says how far it is from MediaPipe, frame by frame. crates/face/models/README.md says where
the bundle comes from.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import mediapipe
import numpy as np
from PIL import Image


def track(task, frames, fps):
    """Seconds, and results; the model is loaded before the clock starts."""
    vision = mediapipe.tasks.vision
    options = vision.FaceLandmarkerOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=task), running_mode=vision.RunningMode.VIDEO,
        num_faces=1, output_face_blendshapes=True, output_facial_transformation_matrixes=True)
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        results, start = [], time.perf_counter()
        for number, frame in enumerate(frames, 1):
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=frame)
            results.append(landmarker.detect_for_video(image, round(1000 + 1000 * number / fps)))
        return time.perf_counter() - start, results


def compare(results, frames, file):
    ours = json.loads(Path(file).read_text())
    only_here, only_there, landmarks, scores, poses = [], [], [], [], []
    for number, (result, frame, our) in enumerate(zip(results, frames, ours["frames"], strict=True)):
        if not result.face_landmarks or our is None:
            if result.face_landmarks:
                only_here.append(number)
            if our is not None:
                only_there.append(number)
            continue
        height, width = frame.shape[:2]
        theirs = np.array([[p.x * width, p.y * height] for p in result.face_landmarks[0]])
        landmarks.append(np.hypot(*(theirs - np.array(our["landmarks"])[:, :2]).T))
        scores.append(np.abs(np.array([s.score for s in result.face_blendshapes[0]]) - our["blendshapes"]))
        poses.append(np.abs(result.facial_transformation_matrixes[0][:3, :3] - np.array(our["pose"])[:3, :3]))
    print(f"frames that only MediaPipe has: {only_here}, that only moue has: {only_there}")
    for name, values in (("landmarks, px", landmarks), ("blendshapes", scores), ("rotation matrix", poses)):
        values = np.array(values)
        worst = values.reshape(len(values), -1).mean(1)
        print(f"{name:16} mean {values.mean():.5f}  worst frame's mean {worst.max():.5f}  worst {values.max():.5f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--fps", type=float, default=25)
    parser.add_argument("--compare", metavar="FILE")
    options = parser.parse_args()
    frames = [np.asarray(Image.open(file).convert("RGB")) for file in sorted(options.folder.glob("*.png"))]
    times = []
    for _ in range(options.runs):
        seconds, results = track(options.task, frames, options.fps)
        times.append(seconds * 1e3 / len(frames))
    found = sum(bool(result.face_landmarks) for result in results)
    print(f"{len(frames)} frames: {found} with a face")
    print(f"ms a frame: fastest run {min(times):.2f}, median run {statistics.median(times):.2f}")
    if options.compare:
        compare(results, frames, options.compare)


if __name__ == "__main__":
    main()
