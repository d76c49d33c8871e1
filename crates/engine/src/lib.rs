//! Named stages, bounded channels, cancellation and statistics
