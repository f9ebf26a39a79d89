"""Alembic migrations of our tables; nothing imports them."""
