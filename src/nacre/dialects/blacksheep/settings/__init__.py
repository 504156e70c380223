"""What a program may set for the whole process."""
