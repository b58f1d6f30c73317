"""Programs of others against what this project writes."""
