"""Payouts: one file for each gateway that pays out, all of them through one mechanism."""
