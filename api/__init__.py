"""TTA api: HTTP, terminal and command. Faces of one engine; no story logic here."""
