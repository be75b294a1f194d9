"""The OpenAI-compatible /v1 over the same engine that the tools use."""
