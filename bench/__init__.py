"""`make bench`: the gateway beside its peers, with the same work to do. Nothing of it is part of the product."""
