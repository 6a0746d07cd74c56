"""A Redis Cluster behind the client that all modules know: `urls` names one, `slots` knows who has what, `client` asks."""
