//! Pictures in, GStreamer out: files, frame folders and contact sheets
