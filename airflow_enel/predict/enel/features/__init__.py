"""Feature extraction for the Enel network: stage graphs, encoded properties, past summaries."""
