"""History of recurring jobs in the Airflow metadata database."""
