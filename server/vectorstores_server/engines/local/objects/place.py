"""The place in object storage where a shared deployment keeps its bytes, and the patience with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from vectorstores_tools.contract.errors import InvalidRequest

_ENDPOINTS = {"s3": "aws_endpoint", "s3a": "aws_endpoint", "az": "azure_endpoint", "azure": "azure_endpoint"}
SCHEMES = ("s3", "s3a", "gs", "az", "azure")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds: until a connection stands, until one request is answered, for all attempts; and how many more.

    A request carries 5 MB at most. With these a storage that hangs is given up after four seconds.
    """

    connect: float = 3.0
    request: float = 4.0
    retry: float = 4.0
    retries: int = 3


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """An address like `s3://bucket/prefix`. `options` are those of the storage's client; others it finds itself.

    Neither the options nor what stands before an `@` in an address is ever shown.
    """

    url: str
    endpoint: str | None = None
    options: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    deadlines: Deadlines = Deadlines()

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in SCHEMES or not parts.netloc:
            raise InvalidRequest(
                f"'{self.shown}' is no address of an object storage.",
                "Write it as s3://bucket/prefix, gs://bucket/prefix or az://container/prefix.",
            )
        if self.endpoint is not None and parts.scheme not in _ENDPOINTS:
            raise InvalidRequest(
                f"Another endpoint cannot be given for {parts.scheme}://.", "Leave the endpoint out, or use s3://."
            )

    @property
    def shown(self) -> str:
        """The address, and the endpoint where there is one, without anything secret."""
        parts = urlsplit(self.url)
        address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        if self.endpoint is None:
            return address
        end = urlsplit(self.endpoint)
        return f"{address} at {end.scheme}://{end.netloc.rpartition('@')[2]}"

    def below(self, name: str) -> str:
        """Return the address of what lies below this one."""
        return f"{self.url.rstrip('/')}/{name}"

    @property
    def client_options(self) -> dict[str, str]:
        """The options, with the endpoint among them."""
        options = dict(self.options)
        if self.endpoint is not None:
            options[_ENDPOINTS[urlsplit(self.url).scheme]] = self.endpoint
        return options

    @property
    def allows_http(self) -> bool:
        """Tell whether the endpoint is spoken to without TLS: only where it says so itself."""
        return self.endpoint is not None and self.endpoint.startswith("http://")

    @property
    def lance_options(self) -> dict[str, str]:
        """The options as LanceDB takes them."""
        patience = self.deadlines
        return {
            **self.client_options,
            **({"allow_http": "true"} if self.allows_http else {}),
            "connect_timeout": f"{patience.connect:g}s",
            "timeout": f"{patience.request:g}s",
            "client_max_retries": str(patience.retries),
            "client_retry_timeout": str(max(1, round(patience.retry))),
        }
