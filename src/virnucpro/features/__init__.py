"""Feature rows: what they are made from, and the files that hold them."""
