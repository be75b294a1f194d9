"""The contract: what every engine and every intake promises, in the shapes of OpenAI's API."""
