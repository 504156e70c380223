"""Who a request is from, and what they may do."""
