"""A withdrawal, everybody who can touch it and all that can go wrong between them, explored state by state with the real rules."""
