"""Training: labelled feature rows in, a classifier out."""
