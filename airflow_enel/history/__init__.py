"""What is stored of recurring jobs and their runs, and how tasks and the API server reach it."""
