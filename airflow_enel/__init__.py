"""Recurring Spark applications that meet their deadline at the lowest cost, run from Airflow."""

__version__ = "0.1.0"
