"""Claims of speed and memory, measured: ``python -m benchmarks -o json``."""
