"""What the API server shows and serves of history."""
