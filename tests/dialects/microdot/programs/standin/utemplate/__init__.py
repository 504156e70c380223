"""Stands in for uTemplate, whose archives can't be installed: its two loaders over the little of its syntax we need."""
