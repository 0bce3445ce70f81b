"""Definitions of state machines, as data: Amazon States Language, and nothing of the CDK."""

from typing import Final

STEP: Final = "Step"
PARTITION: Final = "Partition"
"""What a definition leaves open, as ${…}: the ARN of the function that takes its steps, and the partition of AWS."""
