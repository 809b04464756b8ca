"""Kills, outages and poison under load; run by `make test-faults`."""
