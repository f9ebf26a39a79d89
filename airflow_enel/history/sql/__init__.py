"""Tables and queries in the metadata DB, for processes that may open it."""
