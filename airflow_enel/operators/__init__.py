"""Airflow operators: shells around the decision step, without decisions of their own."""
