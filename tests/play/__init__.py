"""What plays are made of: a cluster of its own processes, and clients that speak to it over sockets."""
