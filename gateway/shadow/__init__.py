"""Shadows: copies of requests to the other side, whose replies are compared and kept account of."""
