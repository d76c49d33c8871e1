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
