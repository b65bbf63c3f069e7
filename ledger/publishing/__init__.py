"""What the log says of itself to the outside: checkpoints, files, stamps."""
