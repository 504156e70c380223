"""Server calls in, responses out: one module per protocol. Each takes a dispatch callable, never the application."""
