"""Migrations of our tables; alembic runs them, nothing imports them."""
