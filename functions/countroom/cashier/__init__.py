"""The cashier: money that comes into the house, and later the money that leaves it."""
