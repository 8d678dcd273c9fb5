"""Looking at a study that runs, and mending one that was hurt."""
