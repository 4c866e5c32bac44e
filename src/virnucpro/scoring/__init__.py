"""The prediction stage: scores of frames in, calls of windows and records out."""
