"""What shadow traffic costs the requests that it is made of: `python -m bench.shadow`."""
