"""Shadow traffic: a copy of a request goes to the side that did not answer, after the client has been answered."""
