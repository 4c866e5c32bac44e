"""Result files: one file per kind, each given the same records in file order."""
