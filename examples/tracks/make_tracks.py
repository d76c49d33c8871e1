#!/usr/bin/env python3
"""Writes the example tracks beside this file. Python 3.8 or later, standard library only, same bytes every time.

    python3 examples/tracks/make_tracks.py

Coefficients carry ARKit's names and lie between 0 and 1, except in flame_sweep.csv, which has FLAME's. Left and right are the face's own. Head angles are in degrees:
positive yaw turns the face to its own left, positive pitch looks up, positive roll tilts to its own left shoulder.
Movements follow the minimum-jerk profile (Flash and Hogan, 1985), with the upper face a little ahead of the mouth and
one side a little ahead of the other. Expressions follow FACS: delight 6+12+25, surprise 1+2+5+26, anger 4+7+9+24,
sadness 1+4+15+17, contempt 12+14 on one side.
"""

import math
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent

# The order of the app's columns.
SHAPES = """
eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft
eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight
jawForward jawRight jawLeft jawOpen
mouthClose mouthFunnel mouthPucker mouthRight mouthLeft mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight
mouthDimpleLeft mouthDimpleRight mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper mouthShrugLower
mouthShrugUpper mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft mouthUpperUpRight
browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight
cheekPuff cheekSquintLeft cheekSquintRight noseSneerLeft noseSneerRight tongueOut
""".split()
HEAD = ["head_yaw", "head_pitch", "head_roll"]
CHANNELS = SHAPES + HEAD
# These name a direction of the whole mouth or jaw, not a side of the face.
DIRECTIONS = {"jawLeft", "jawRight", "mouthLeft", "mouthRight"}


def minimum_jerk(u):
    """0 to 1 while u goes from 0 to 1, at rest at both ends."""
    u = min(max(u, 0.0), 1.0)
    return u * u * u * (10.0 - 15.0 * u + 6.0 * u * u)


def both(**pairs):
    """Each value on both sides: mouthSmile=0.8 is mouthSmileLeft and mouthSmileRight."""
    return {stem + side: value for stem, value in pairs.items() for side in ("Left", "Right")}


class Performance:
    """Movements of all channels, and blinks on top."""

    def __init__(self, seed):
        self.moves = {channel: [] for channel in CHANNELS}
        self.blinks = []
        self.random = random.Random(seed)

    def move(self, channel, start, duration, target):
        self.moves[channel].append((start, duration, target))

    def pose(self, start, duration, pose):
        """Moves every channel to `pose` (what it does not name goes back to rest), none quite at the same time."""
        for channel in CHANNELS:
            target = pose.get(channel, 0.0)
            at_rest = not self.moves[channel] or self.moves[channel][-1][2] == 0.0
            if target == 0.0 and at_rest:
                continue
            if channel in HEAD:
                lag, stretch = 0.08, 1.5
            elif channel.startswith(("brow", "eye")):
                lag, stretch = 0.0, 1.0
            else:
                lag, stretch = 0.05, 1.15
            lag += 0.03 * channel.endswith("Right") + 0.03 * self.random.random()
            self.move(channel, start + lag, duration * stretch * (0.9 + 0.2 * self.random.random()), target)

    def flash(self, start, rise, hold, fall, pose):
        """Moves to `pose` and back."""
        for channel, target in pose.items():
            lag = 0.03 * self.random.random()
            self.move(channel, start + lag, rise, target)
            self.move(channel, start + lag + rise + hold, fall, 0.0)

    def blink(self, start, closing=0.10, shut=0.03, opening=0.18):
        self.blinks.append((start, closing, shut, opening))

    def closure(self, t):
        def one(start, closing, shut, opening):
            return minimum_jerk((t - start) / closing) - minimum_jerk((t - start - closing - shut) / opening)

        return max([one(*blink) for blink in self.blinks], default=0.0)

    def at(self, t):
        values = {}
        for index, channel in enumerate(CHANNELS):
            value = 0.0
            for start, duration, target in self.moves[channel]:
                value += (target - value) * minimum_jerk((t - start) / duration)
            # A held face is never quite still.
            sway = math.sin(2 * math.pi * (0.6 + 0.05 * (index % 7)) * t + index)
            values[channel] = value * (1.0 + 0.03 * sway)
        for side, late in (("Left", 0.0), ("Right", 0.008)):
            closure = self.closure(t - late)
            lid = values["eyeBlink" + side]
            values["eyeBlink" + side] = lid + (1.0 - lid) * closure
            values["eyeWide" + side] *= 1.0 - closure
            values["eyeSquint" + side] += 0.15 * closure * (1.0 - values["eyeSquint" + side])
        for shape in SHAPES:
            values[shape] = min(max(values[shape], 0.0), 1.0)
        return values


def number(value, digits):
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def write_table(name, rows, digits=3, channels=CHANNELS):
    """`rows` are (seconds, values by channel); channels that stay at rest get no column."""
    used = [c for c in channels if any(number(values.get(c, 0.0), digits) != "0" for _, values in rows)]
    lines = [",".join(["time"] + used)]
    for t, values in rows:
        lines.append(",".join([number(t, 6)] + [number(values.get(c, 0.0), digits) for c in used]))
    (HERE / name).write_bytes(("\n".join(lines) + "\n").encode())


def sampled(performance, duration, rate):
    return [(i / rate, performance.at(i / rate)) for i in range(round(duration * rate) + 1)]


def sweep():
    """Each shape from 0 to 1 to 0: alone where it has no side, else both sides and then each. Keys only, no easing."""
    items = []
    done = set()
    for shape in SHAPES:
        stem = shape[: -len("Left")] if shape.endswith("Left") else None
        if shape in done:
            continue
        if stem is None or shape in DIRECTIONS:
            items.append([shape])
            continue
        left, right = stem + "Left", stem + "Right"
        done |= {left, right}
        items += [[left, right], [left], [right]]
    rows = [(0.0, {})]
    for item in items:
        start = rows[-1][0]
        rows.append((round(start + 0.4, 6), {shape: 1.0 for shape in item}))
        rows.append((round(start + 0.8, 6), {}))
    write_table("sweep.csv", rows)


def emotions():
    play = Performance(seed=1)
    play.pose(0.55, 0.45, {
        **both(cheekSquint=0.5, eyeSquint=0.3, mouthDimple=0.12, mouthUpperUp=0.25, mouthLowerDown=0.15, browOuterUp=0.12),
        "mouthSmileLeft": 0.82, "mouthSmileRight": 0.77, "browInnerUp": 0.08, "jawOpen": 0.12,
        "head_pitch": 2.5, "head_roll": -3.0, "head_yaw": 1.5,
    })
    play.pose(2.0, 0.25, {
        **both(browOuterUp=0.8, eyeWide=0.65, mouthLowerDown=0.1), "browInnerUp": 0.75, "jawOpen": 0.42,
        "mouthFunnel": 0.18, "head_pitch": 4.5,
    })
    play.pose(3.4, 0.5, {
        "browDownLeft": 0.5, "eyeSquintLeft": 0.4, "browOuterUpRight": 0.75, "browInnerUp": 0.12, "eyeSquintRight": 0.1,
        "mouthPressLeft": 0.3, "mouthPressRight": 0.25, "mouthFrownRight": 0.25, "mouthShrugLower": 0.3, "mouthLeft": 0.3,
        "eyeLookOutRight": 0.25, "eyeLookInLeft": 0.25, "head_roll": 5.0, "head_yaw": 4.0, "head_pitch": -1.0,
    })
    play.pose(4.9, 0.35, {
        **both(eyeSquint=0.4, noseSneer=0.42, mouthPress=0.45, mouthFrown=0.15, cheekSquint=0.2, mouthUpperUp=0.08),
        "browDownLeft": 0.88, "browDownRight": 0.84, "mouthRollLower": 0.25, "mouthRollUpper": 0.15, "jawForward": 0.2,
        "mouthShrugLower": 0.2, "head_pitch": -4.0, "head_yaw": -1.0,
    })
    play.pose(6.35, 0.6, {
        **both(mouthFrown=0.36, browDown=0.12, eyeBlink=0.18, eyeLookDown=0.35, eyeSquint=0.15, mouthStretch=0.1),
        "browInnerUp": 0.8, "mouthShrugLower": 0.5, "mouthPucker": 0.08, "head_pitch": -6.0, "head_roll": -4.0,
    })
    play.pose(8.1, 0.45, {
        "mouthSmileLeft": 0.5, "mouthDimpleLeft": 0.55, "mouthPressLeft": 0.3, "cheekSquintLeft": 0.22, "mouthLeft": 0.12,
        "eyeBlinkLeft": 0.14, "eyeBlinkRight": 0.1, "eyeSquintLeft": 0.2, "browOuterUpRight": 0.3,
        "head_pitch": 3.5, "head_yaw": -5.0, "head_roll": 1.5, "eyeLookOutLeft": 0.2, "eyeLookInRight": 0.2,
    })
    play.pose(9.5, 0.4, {})
    for start in (0.3, 1.9, 3.45, 4.8, 6.3, 8.05, 9.45):
        play.blink(start)
    play.blink(7.3, closing=0.16, shut=0.06, opening=0.30)
    write_table("emotions.csv", sampled(play, 10.4, 30))


VISEMES = {
    "_": {},
    "a": {**both(mouthLowerDown=0.28, mouthUpperUp=0.1), "jawOpen": 0.45},
    "e": {**both(mouthStretch=0.25, mouthSmile=0.18, mouthLowerDown=0.3, mouthUpperUp=0.14), "jawOpen": 0.22},
    "i": {**both(mouthStretch=0.35, mouthSmile=0.25, mouthLowerDown=0.26, mouthUpperUp=0.12), "jawOpen": 0.1},
    "o": {"jawOpen": 0.3, "mouthFunnel": 0.5, "mouthPucker": 0.25},
    "u": {"jawOpen": 0.12, "mouthPucker": 0.7, "mouthFunnel": 0.2},
    "m": {**both(mouthPress=0.35), "mouthRollLower": 0.32, "mouthRollUpper": 0.25, "mouthClose": 0.04, "jawOpen": 0.04},
    "f": {**both(mouthUpperUp=0.22), "mouthRollLower": 0.42, "mouthShrugUpper": 0.1, "jawOpen": 0.08},
    "l": {**both(mouthLowerDown=0.2), "jawOpen": 0.2},
    "n": {**both(mouthLowerDown=0.18, mouthStretch=0.1), "jawOpen": 0.12},
    "s": {**both(mouthStretch=0.2, mouthLowerDown=0.28, mouthUpperUp=0.14), "jawOpen": 0.05},
    "r": {"mouthFunnel": 0.3, "mouthPucker": 0.3, "jawOpen": 0.14},
}
# Visemes and their seconds: "hello, my name is moue, nice to meet you".
SPEECH = """
_.30 e.09 l.07 o.16 _.12 m.08 a.09 i.08 n.07 e.11 i.06 m.08 i.07 s.09 m.10 u.28 _.25
n.07 a.12 i.06 s.08 n.05 u.07 m.08 i.16 n.06 i.05 u.26 _.50
""".split()


def speech():
    play = Performance(seed=2)
    t = 0.0
    for item in SPEECH:
        viseme, seconds = item[0], float(item[1:])
        for shape in SHAPES:
            target = VISEMES[viseme].get(shape, 0.0)
            moves = play.moves[shape]
            if target != (moves[-1][2] if moves else 0.0):
                # Lips move before the sound and take longer than it lasts; neighbours overlap.
                play.move(shape, t - 0.06, max(0.15, 0.9 * seconds), target)
        t += seconds
    # Stress: brows and head go with the voice.
    for start, size in ((0.35, 1.0), (1.15, 0.6), (2.2, 0.8), (3.05, 1.0)):
        play.flash(start, 0.18, 0.15, 0.4, {"browInnerUp": 0.25 * size, **both(browOuterUp=0.22 * size)})
    for start, yaw, pitch, roll in (
        (0.2, 1.5, 1.5, -1.0), (0.75, -1.0, -2.0, 0.5), (1.3, 2.0, 0.5, 1.5), (1.9, 0.5, -1.5, 2.0),
        (2.5, -2.5, 1.0, -1.0), (3.1, -0.5, -2.0, -0.5), (3.6, 0.0, 0.0, 0.0),
    ):
        for channel, target in zip(HEAD, (yaw, pitch, roll)):
            play.move(channel, start, 0.5, target)
    play.flash(1.6, 0.05, 0.7, 0.05, {"eyeLookOutLeft": 0.18, "eyeLookInRight": 0.18})
    play.flash(2.9, 0.05, 0.4, 0.05, both(eyeLookDown=0.15))
    for start in (0.12, 1.55, 2.85, 3.75):
        play.blink(start)
    duration = 4.2
    rows = sampled(play, duration, 60)
    write_table("speech.csv", rows)
    write_live_link("speech_livelink.csv", rows)


def write_live_link(name, rows):
    """The same as Epic's Live Link Face app records it at 60 frames per second, with one row lost.

    Angles are in radians; the app's positive yaw is to the face's own right and its positive pitch downwards.
    """
    angles = ["HeadYaw", "HeadPitch", "HeadRoll"]
    angles += [eye + angle for eye in ("LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll")]
    lines = [",".join(["Timecode", "BlendShapeCount"] + [s[0].upper() + s[1:] for s in SHAPES] + angles)]
    first = ((13 * 60 + 4) * 60 + 57) * 60 + 52
    for index, (_, values) in enumerate(rows):
        if index == 100:
            continue
        frames = first + index
        seconds = frames // 60
        code = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{frames % 60:02}.318"
        yaw, pitch, roll = (math.radians(values[channel]) for channel in HEAD)
        row = [values[shape] for shape in SHAPES] + [-yaw, -pitch, roll]
        for side, left in (("Left", 1.0), ("Right", -1.0)):
            # An eye turns by about 35 degrees for a coefficient of one.
            eye_yaw = -0.61 * left * (values["eyeLookOut" + side] - values["eyeLookIn" + side])
            eye_pitch = -0.61 * (values["eyeLookUp" + side] - values["eyeLookDown" + side])
            row += [eye_yaw, eye_pitch, eye_yaw * eye_pitch]
        lines.append(",".join([code, "61"] + [f"{value + 0.0:.10f}" for value in row]))
    (HERE / name).write_bytes(("\n".join(lines) + "\n").encode())


def micro():
    play = Performance(seed=3)
    for start, pose in (
        (0.6, {"browInnerUp": 0.18, **both(browOuterUp=0.06)}),
        (1.4, {"mouthSmileLeft": 0.14, "mouthDimpleLeft": 0.1}),
        (2.2, both(browDown=0.2, eyeSquint=0.1)),
        (3.0, both(noseSneer=0.12, mouthUpperUp=0.08)),
        (3.8, both(mouthFrown=0.12, mouthPress=0.08)),
        (4.6, {**both(eyeWide=0.15), "jawOpen": 0.05}),
        (5.4, both(mouthSmile=0.2, cheekSquint=0.15, mouthPress=0.12)),
        (6.2, {"mouthRight": 0.1, "mouthPucker": 0.06}),
        (7.0, {**both(mouthStretch=0.14), "browInnerUp": 0.08}),
    ):
        play.flash(start, 0.1, 0.12, 0.22, pose)
    for start in (0.2, 2.75, 5.2, 7.6):
        play.blink(start)
    write_table("micro.csv", sampled(play, 8.0, 30))


def flame_sweep():
    """FLAME coefficients one after another: the jaw opens, the eyes close, three components go up and down."""
    targets = [
        # (channel, start, duration, target)
        ("jaw_x", 0.3, 0.4, 0.3), ("jaw_x", 0.9, 0.4, 0.0),
        ("eyelid_left", 1.5, 0.15, 1.0), ("eyelid_left", 1.8, 0.25, 0.0),
        ("eyelid_right", 1.52, 0.15, 1.0), ("eyelid_right", 1.82, 0.25, 0.0),
    ]
    for index in range(3):
        start = 2.2 + 0.9 * index
        targets += [(f"exp_{index:02}", start, 0.2, 2.0), (f"exp_{index:02}", start + 0.25, 0.3, -2.0)]
        targets += [(f"exp_{index:02}", start + 0.6, 0.2, 0.0)]
    rows = []
    for i in range(151):
        values = {}
        for channel, start, duration, target in targets:
            value = values.get(channel, 0.0)
            values[channel] = value + (target - value) * minimum_jerk((i / 30 - start) / duration)
        rows.append((i / 30, values))
    channels = ["exp_00", "exp_01", "exp_02", "eyelid_left", "eyelid_right", "jaw_x"]
    write_table("flame_sweep.csv", rows, channels=channels)


if __name__ == "__main__":
    sweep()
    emotions()
    speech()
    micro()
    flame_sweep()
