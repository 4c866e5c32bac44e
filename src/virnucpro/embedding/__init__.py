"""The embedding stage: every sequence gets a vector, or a reason why it has none."""
