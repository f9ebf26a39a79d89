"""An Airflow of one's own: settings, database, API server, task instances."""
