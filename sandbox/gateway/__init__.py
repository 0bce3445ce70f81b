"""Payment gateways as programs of their own: they hold their keys and post signed events. One file = one dialect."""
