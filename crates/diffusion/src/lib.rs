//! Arc2Face with its expression and reference adapters, on candle.
