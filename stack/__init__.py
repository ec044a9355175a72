"""Everything that `make run` starts: both services of the sample migration and the gateway before them."""
