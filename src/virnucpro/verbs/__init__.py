"""The verbs: what each adds to the engine."""
