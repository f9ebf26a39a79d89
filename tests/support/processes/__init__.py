"""Real processes for tests and benchmarks, and how to wait for them and to end them."""
