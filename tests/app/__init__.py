"""A Django app as a user would write one, with tasks by behaviour."""
