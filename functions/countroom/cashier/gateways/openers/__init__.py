"""Payments opened at a gateway by its API: one file for each gateway that needs it, all of them through one mechanism."""
