"""The engine under every verb: plan parts, compute each once, keep it, and make the results from the parts."""
