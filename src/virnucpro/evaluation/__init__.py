"""The evaluation stage: scores beside labels in, figures with their uncertainty out; numpy only."""
