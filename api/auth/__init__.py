"""Who asks, and what they may: settings (`rules`), credentials (`tokens`, `jwks`, `guard`), the policy of all routes."""
