"""What makes an application safer."""
