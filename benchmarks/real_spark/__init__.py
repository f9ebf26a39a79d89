"""Policies on real Spark, against a static size, with jobs whose tasks wait for I/O."""
