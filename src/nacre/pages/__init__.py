"""What the client sees of an error: a short answer in the form it accepts, and in debug mode the whole story."""
