"""Where it runs: joining or starting Ray."""
