"""``python -m dags_examples.demo``: the demo DAG under a real Airflow, from start to stop."""
