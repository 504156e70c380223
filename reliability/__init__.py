"""What the framework must withstand, measured on real servers: `python -m reliability`."""
