"""Files of a remote: sent whole or in parts, and read back."""
