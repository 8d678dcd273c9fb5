"""What a training step is made of: optimizers, schedules, and sums over several processes."""
