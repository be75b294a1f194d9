"""Recognisable secrets for every place that takes one, and the search for them in everything that can be seen."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus


@dataclass
class Planted:
    """Secrets by the name of their place. What a program made of them (a signed token) can be added."""

    values: dict[str, str] = field(default_factory=dict[str, str])

    def __call__(self, place: str) -> str:
        """Return the secret of a place; it holds characters that URLs and JSON write in another way."""
        return self.values.setdefault(place, f"planted/{place}+7f3a9c=")

    def add(self, place: str, secret: str) -> str:
        """Take a secret that was made elsewhere."""
        self.values[place] = secret
        return secret

    def found(self, output: str | bytes) -> list[str]:
        """Name the places whose secret stands in an output, as it is or encoded."""
        text = output.decode(errors="replace") if isinstance(output, bytes) else output
        return [place for place, secret in self.values.items() if any(form in text for form in _forms(secret))]

    def leaks(self, outputs: Mapping[str, str | bytes]) -> dict[str, list[str]]:
        """Return the outputs that hold secrets, by name; it should be empty."""
        return {name: places for name, output in outputs.items() if (places := self.found(output))}


def _forms(secret: str) -> set[str]:
    """Return what it may look like; base64 of a longer text that holds it begins at one of three places."""
    shifted = [base64.b64encode(b"x" * shift + secret.encode()).decode()[4 if shift else 0 :] for shift in range(3)]
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        *(part.rstrip("=")[:-2] for part in shifted),
    }
