"""Arguments of tools: their models, their schemas, and the sentences for what is wrong with them."""
