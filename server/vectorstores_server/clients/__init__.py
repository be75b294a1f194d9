"""MCP clients: the file and the form in which each keeps its servers, and the way to add one."""
