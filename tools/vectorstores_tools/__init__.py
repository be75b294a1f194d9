"""The tools that agents have for vector stores, with their vocabulary and the contract of an engine."""
