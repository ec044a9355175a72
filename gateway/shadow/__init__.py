"""Shadow traffic: copies of requests to the side that did not answer, whose replies are compared and accounted for."""
