"""The remote engine: the same promises, kept by forwarding to an OpenAI-compatible API."""
