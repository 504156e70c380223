"""A harbour's site: five programs that were written for five frameworks, with their import lines changed."""
