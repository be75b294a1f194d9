"""Words: what a text is found by. One analysis for what is indexed, what is asked and where an answer stands."""
