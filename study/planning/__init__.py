"""What a study will run: cells, sizes, label subsets, and the plan that a study was accepted with."""
