"""What the rules say about hazardous waste: events, states, mass accounts, registers, views."""
