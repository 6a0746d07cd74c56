"""The world as data: load, validate, resolve an action, propose and check changes."""
