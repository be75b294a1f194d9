"""Words, by which texts are found. One analysis serves texts, questions and the places of answers."""
