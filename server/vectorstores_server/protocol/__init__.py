"""MCP: the server, its resources, subscriptions and completions, and the stdio transport."""
