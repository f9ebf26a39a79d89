"""Everything that talks to Spark: its events, the agent in its driver, spark-submit."""
