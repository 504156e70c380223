"""What Nacre costs, measured; `python -m bench --help`."""
