"""Submitting applications: the Spark configuration of a run, and the process that runs it."""
