"""The server's side of BlackSheep's names."""
