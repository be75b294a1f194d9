"""The budgets of the product, measured: `python -m benchmarks startup search ingest growth` and the rest."""
