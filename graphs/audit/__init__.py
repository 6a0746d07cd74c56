"""What the safety gates decided, kept for an operator: entries without words in Redis, and a webhook for crises."""
