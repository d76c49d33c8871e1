//! The model files of the diffusion renderer: which they are, where they lie, how they are fetched.
