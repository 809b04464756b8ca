"""Measurements against peers, as ratios of the same run: `make bench`."""
