"""Layers against what browsers and proxies can be made to do."""
