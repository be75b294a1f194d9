"""The same promises, kept by forwarding to an OpenAI-compatible API."""
