"""Measurements of time: `make bench`, and what chapters share with it."""
