"""History in the metadata DB, for processes that have one."""
