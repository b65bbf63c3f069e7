"""When the system or the network is down: incidents that pause our own limits, and blanks on paper."""
