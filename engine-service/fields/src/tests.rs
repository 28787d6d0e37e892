//! Extraction from hand-made events.
