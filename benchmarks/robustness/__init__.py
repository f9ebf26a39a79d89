"""What is lost, doubled or crashes when something fails or lies."""
