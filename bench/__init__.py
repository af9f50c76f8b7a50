"""Measurements of the product that are too long, or too much about the world, to be tests."""
