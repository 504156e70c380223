"""A harbour's site, whose parts were written for five frameworks: each is a program of its own, with its import lines changed."""
