"""``airflow enel doctor``: checks an installation, and says how to mend what is wrong."""
