"""History over HTTP, for tasks and triggers, which have no database."""
