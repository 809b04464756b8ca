"""The scheduler process: the pass, what it plans, what it publishes, what it recovers."""
