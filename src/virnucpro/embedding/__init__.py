"""The embedding stage: sequences in, one vector or one reason for each out."""
