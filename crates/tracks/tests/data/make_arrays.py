#!/usr/bin/env python3
"""Writes the arrays beside this file with NumPy 2, the same bytes every time.

    python3 crates/tracks/tests/data/make_arrays.py

Row r and column c hold (55 r + c) / 64 - 1, which float16 holds too.
"""

import pathlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
flame = (np.arange(3 * 55, dtype=np.float64) / 64 - 1).reshape(3, 55)

np.save(HERE / "float32.npy", flame.astype("<f4"))
np.save(HERE / "float64_fortran.npy", np.asfortranarray(flame))
np.save(HERE / "float32_big_endian.npy", flame.astype(">f4"))
np.save(HERE / "float16_fortran.npy", np.asfortranarray(flame.astype("<f2")))
with open(HERE / "version2.npy", "wb") as file:
    np.lib.format.write_array(file, flame.astype("<f4"), version=(2, 0))
np.save(HERE / "dictionary.npy", {"exp": [0.0], "jaw": [0.0]}, allow_pickle=True)
np.savez_compressed(HERE / "compressed.npz", flame=flame.astype("<f4"), fps=25)
np.savez(
    HERE / "parts.npz",
    expression=flame[:, :50].astype("<f4"),
    eyelids=flame[:, 50:52].astype("<f4"),
    jaw=np.asfortranarray(flame[:, 52:]),
    fps=np.float32(29.97),
)

# ARKit: row r and column c hold (r + c) / 64.
names = ["jawOpen", "mouthSmileLeft", "tongueOut", "browInnerUp"]
shapes = np.add.outer(np.arange(3), np.arange(61)).astype("<f4") / 64
np.savez(HERE / "arkit.npz", arkit=shapes[:, :4], arkit_names=names, times=np.array([2.0, 2.04, 2.1]))
np.savez(HERE / "arkit_bytes.npz", arkit=shapes[:, :4].T.copy().T, arkit_names=np.array(names, dtype="S"), fps=25)
np.save(HERE / "live_link_face.npy", shapes)
# What no track has, for the arrays module.
np.savez(
    HERE / "anything.npz",
    cube=np.asfortranarray(np.arange(24, dtype=">f8").reshape(2, 3, 4)),
    flags=np.array([True, False]),
    names=np.array([["é", ""], ["jaw", "\U0001f600"]], dtype=">U3"),
    half=np.array(0.5, dtype="<f2"),
    nothing=np.zeros((0, 3), dtype="<f4"),
    whole=np.array([-(2**53), 255], dtype="<i8"),
)
