"""Sessions: what is kept for a client from request to request."""
