"""Values that tests and benchmarks need, made small or by rules."""
