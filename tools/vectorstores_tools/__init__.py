"""What an agent can do with vector stores: the vocabulary, the promises of an engine, the tools."""
