"""Everything that an author writes: data only."""
