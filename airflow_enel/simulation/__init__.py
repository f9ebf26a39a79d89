"""Seeded simulator of recurring Spark applications, driven by the same decision step as real ones.

For comparing policies before they steer anything: ``airflow enel simulate``. What it models and
where its numbers come from is in ``docs/evaluation.md``.
"""
