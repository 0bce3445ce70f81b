"""Withdrawals: money out, once."""
