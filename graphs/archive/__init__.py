"""Stories as files: export and import, backup and restore.

`lines` says what stands in a file and turns a node into a line and back, `dump` reads a story out of its memory,
`check` finds every fault of a file before a node is written, `load` writes it into a memory; `keyspace` is what Redis
holds of a story.
"""
