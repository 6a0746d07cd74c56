"""TTA graphs: what happens when, and what is remembered. Owns persistence."""
