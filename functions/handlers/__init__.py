"""Entrances: one file for each Lambda function, parse, call, answer."""

from runtime import start

start.begin()  # ends where an entrance is complete: `runtime.telemetry.observed`
