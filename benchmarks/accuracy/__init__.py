"""How far forecasts are from what came."""
