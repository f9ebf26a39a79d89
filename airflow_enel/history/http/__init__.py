"""Client of the REST API, for tasks and triggers, which have no database."""
