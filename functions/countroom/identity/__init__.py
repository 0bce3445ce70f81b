"""Who a player is: accounts, passwords and the access tokens that the other rooms trust."""
