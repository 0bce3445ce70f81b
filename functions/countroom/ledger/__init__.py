"""The ledger: one item decides, one transaction per movement, records for ever."""
