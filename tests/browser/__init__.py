"""Tests that look at the built book in a real browser."""
