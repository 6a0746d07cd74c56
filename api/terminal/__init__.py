"""The terminal: a face of the engine for one player."""
