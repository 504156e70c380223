"""Layers for how much, how long and how often."""
