"""Questions that analysts ask of a study's tables, each a function from the frames to a small table."""
