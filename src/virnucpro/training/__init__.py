"""The training stage: rows with labels in, a classifier out."""
