"""Entrances: one file for each Lambda function, parse, call, answer."""
