"""What search and final runs share: a trial's job, its context, its worker, its rows."""
