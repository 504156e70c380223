"""The parameters of handlers and middlewares."""
