"""What runs on a worker: plain values in, plain values out."""
