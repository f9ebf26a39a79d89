"""Runs one try of one application: recover or submit, observe, record; for every Airflow shell."""
