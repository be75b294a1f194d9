"""The engines that answer the tools, and the ways in which these are served."""
