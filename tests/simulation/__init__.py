"""The ledger under every fault that can be produced: its real code, a model of DynamoDB, a virtual clock, one seed."""
