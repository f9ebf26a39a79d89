"""Airflow sensors: observe and scale applications that other tasks have submitted."""
