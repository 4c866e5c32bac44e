"""Reading sequences and preparing them; numpy only, no torch."""
