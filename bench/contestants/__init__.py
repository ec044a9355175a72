"""Who is measured: our gateway, its peers, and two proxies as one would write them in Python."""
