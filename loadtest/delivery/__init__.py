"""What was sent and what has arrived: end-to-end latency, losses and duplicates, across workers."""
