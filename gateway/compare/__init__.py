"""What became of comparisons: read from Redis by the control process, printed by the command line."""
