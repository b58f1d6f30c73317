"""Measurements, side by side in one run: `scripts/bench`. Figures are medians; nothing here asserts a time."""
