"""MCP clients: where each keeps its servers and in which form, and how a server is put among them."""
