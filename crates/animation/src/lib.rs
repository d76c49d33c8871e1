//! Composes the parts: portrait, motion and renderer become frames in outputs
