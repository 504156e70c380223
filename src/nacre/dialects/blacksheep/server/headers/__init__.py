"""Header fields of responses."""
