"""The REST API that the plugin adds to Airflow's API server."""
