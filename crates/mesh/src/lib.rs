//! The rig and the warp: coefficients and a portrait in, a frame out
