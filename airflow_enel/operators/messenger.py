"""Old name of the result reporter, which supervisors started by version 0.1.0 still call."""

from airflow_enel.execution.result_reporter import main

if __name__ == "__main__":
    main()
