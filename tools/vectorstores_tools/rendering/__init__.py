"""Answers of tools: each the same facts as an object and as text, inside a budget."""
