"""Damaged input for everything that reads what others wrote, and the verdict on how it was read."""
