"""The reporting stage: figures for people."""
