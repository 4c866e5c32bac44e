"""Tables and figures for people and for scripts."""
