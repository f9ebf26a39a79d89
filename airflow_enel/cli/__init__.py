"""The commands ``airflow enel …``."""
