"""Recipes: how the weights that come with VirNucPro were made."""
