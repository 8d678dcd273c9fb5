"""What is asked of a study, and the run of it."""
