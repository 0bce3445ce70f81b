"""The gateways that pay out, as the house sees them: a server on loopback that takes orders, answers questions, and calls back."""
