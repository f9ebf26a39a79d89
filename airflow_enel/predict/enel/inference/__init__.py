"""The trained Enel network in NumPy, for forecasts. Never imports torch."""
