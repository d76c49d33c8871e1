//! Reads every kind of expression track into a timeline
