"""What a row of features is, and the files that rows lie in."""
