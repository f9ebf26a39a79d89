"""Airflow sensors: watch and steer applications that other tasks have submitted."""
