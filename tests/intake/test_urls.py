import datetime
import gzip
import hashlib
import ipaddress
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.abc
import httpx
import pytest
from anyio.streams.tls import TLSStream
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from vectorstores_server.intake.addresses import is_public
from vectorstores_server.intake.folders import FileCriteria
from vectorstores_server.intake.local_intake import MachineIntake
from vectorstores_server.intake.urls import UrlFetcher
from vectorstores_tools.contract.errors import InvalidRequest, NotAllowed, TooLarge, Unavailable

PUBLIC = "93.184.216.34"


def fetcher(
    answer: Callable[[httpx.Request], httpx.Response],
    addresses: Sequence[str] = (PUBLIC,),
    transport: httpx.AsyncBaseTransport | None = None,
) -> UrlFetcher:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    hosts = ("docs.example.org", "*.example.net", "odd.example.org:8443")
    return UrlFetcher(hosts, 1_000, resolve, transport or httpx.MockTransport(answer))


async def fetch(url: str, fetcher: UrlFetcher) -> tuple[str, bytes, str]:
    async with fetcher.open(url) as source:
        content = b"".join([chunk async for chunk in source.stream])
        assert source.sha256 == hashlib.sha256(content).hexdigest()
        assert (source.size, source.origin) == (len(content), url)
        return source.filename, content, source.sha256


def text(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text="words", headers={"content-type": "text/html; charset=utf-8"})


def refuse(_: httpx.Request) -> httpx.Response:
    raise AssertionError("nothing may be sent")


async def test_the_request_goes_to_the_address_that_was_checked_under_the_hosts_name() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return text(request)

    name, content, _ = await fetch("https://docs.example.org/guide?x=1#part", fetcher(answer))

    assert (name, content) == ("guide.html", b"words")
    [request] = seen
    assert request.url.host == PUBLIC
    assert request.url.raw_path == b"/guide?x=1"
    assert request.headers["host"] == "docs.example.org"
    assert request.extensions["sni_hostname"] == "docs.example.org"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://docs.example.org/a/report%20one.pdf", "report one.pdf"),
        ("https://docs.example.org/", "docs.example.org.html"),
        ("https://a.example.net/x/", "x.html"),
        ("https://odd.example.org:8443/a.md", "a.md"),
    ],
)
async def test_a_file_is_named_after_its_url(url: str, name: str) -> None:
    assert (await fetch(url, fetcher(text)))[0] == name


@pytest.mark.parametrize(
    "url",
    [
        "http://docs.example.org/",
        "https://user:secret@docs.example.org/",
        "https://example.net/",
        "https://docs.example.org.evil.org/",
        "https://docs.example.org:8080/",
        "https://odd.example.org/",
        "https://docs.example.org:99999/",
        "https:///nothing",
    ],
)
async def test_what_is_not_https_to_an_allowed_host_and_port_is_refused(url: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        await fetch(url, fetcher(refuse))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::",
    ],
)
async def test_a_host_with_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)
    for addresses in ([address], [PUBLIC, address]):
        with pytest.raises(NotAllowed, match="not on the public internet"):
            await fetch("https://docs.example.org/", fetcher(refuse, addresses))


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


NOT_PUBLIC = [
    "127.0.0.1", "10.0.0.0", "169.254.169.254", "192.168.1.1", "172.31.255.255", "100.127.0.1", "0.1.2.3", "192.0.0.9",
    "192.0.2.7", "198.18.0.1", "203.0.113.9", "192.88.99.1", "224.0.0.251", "240.0.0.1",
]  # fmt: skip
PREFIXES = {  # where an IPv4 address stands in an IPv6 one, counted in bits from its end
    "::": 0, "::ffff:0:0": 0, "::ffff:0:0:0": 0, "64:ff9b::": 0, "64:ff9b:1::": 0, "2002::": 80, "2001::": 64,
    "2001:0:0:0:0:5efe::": 0, "fec0::": 0, "fe80::5efe:0:0": 0, "2606:2800::5efe:0:0": 0,
    "2606:2800::200:5efe:0:0": 0, "fd00::": 0, "ff02::": 0, "2001:db8::": 0, "3fff::": 0, "100::": 0, "5f00::": 0,
}  # fmt: skip


@given(
    st.sampled_from(NOT_PUBLIC) | st.ip_addresses(v=4, network="10.0.0.0/8").map(str), st.sampled_from(list(PREFIXES))
)
def test_no_form_of_ipv6_carries_an_address_that_is_not_public(inner: str, prefix: str) -> None:
    assert not is_public(inner)
    value = int(ipaddress.IPv6Address(prefix)) | int(ipaddress.IPv4Address(inner)) << PREFIXES[prefix]
    assert not is_public(str(ipaddress.IPv6Address(value)))


@given(st.sampled_from([*NOT_PUBLIC, PUBLIC, "8.8.8.8"]))
def test_what_tunnels_or_translates_ipv4_is_not_public_whatever_it_carries(inner: str) -> None:
    for prefix in ("64:ff9b::", "64:ff9b:1::", "2002::", "2001::", "::", "2606:2800::5efe:0:0"):
        value = int(ipaddress.IPv6Address(prefix)) | int(ipaddress.IPv4Address(inner)) << PREFIXES[prefix]
        assert not is_public(str(ipaddress.IPv6Address(value)))


async def test_a_redirect_is_checked_like_the_first_request() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        there = {"/in": "/moved/a.md", "/out": "https://evil.org/", "/plain": "http://docs.example.org/"}
        place = there.get(request.url.path)
        return httpx.Response(302, headers={"location": place}) if place else text(request)

    assert (await fetch("https://docs.example.org/in", fetcher(answer)))[0] == "a.md"
    for path in ("out", "plain"):
        with pytest.raises(NotAllowed):
            await fetch(f"https://docs.example.org/{path}", fetcher(answer))


async def test_endless_redirects_end() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"location": str(request.url.path) + "x"})

    with pytest.raises(InvalidRequest, match="redirects too often"):
        await fetch("https://docs.example.org/a", fetcher(answer))


async def test_a_body_over_the_limit_is_refused() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"x" * 1_001)

    with pytest.raises(TooLarge, match="more than 1,000 bytes"):
        await fetch("https://docs.example.org/a", fetcher(answer))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x-unknown\u2028"])
async def test_a_packed_body_is_refused_before_anything_is_unpacked(encoding: str) -> None:
    read = 0

    class Bomb(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncGenerator[bytes]:
            nonlocal read
            read += 1
            yield gzip.compress(bytes(10_000_000))

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "identity"
        return httpx.Response(200, stream=Bomb(), headers={b"content-encoding": encoding.encode()})

    with pytest.raises(InvalidRequest, match="packed"):
        await fetch("https://docs.example.org/a", fetcher(answer))
    assert read == 0


async def test_failures_of_the_other_side_are_told_without_the_query() -> None:
    def missing(_: httpx.Request) -> httpx.Response:
        return httpx.Response(404)

    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no", request=request)

    def nothing(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200)

    for answer, kind in ((missing, InvalidRequest), (broken, Unavailable), (nothing, InvalidRequest)):
        with pytest.raises(kind) as caught:
            await fetch("https://docs.example.org/a?token=secret", fetcher(answer))
        assert "secret" not in str(caught.value)


async def test_a_host_without_an_address_is_told() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    with pytest.raises(Unavailable, match="cannot be found"):
        await fetch(
            "https://docs.example.org/", UrlFetcher(("*",), resolve=resolve, transport=httpx.MockTransport(refuse))
        )


async def test_a_host_that_does_not_answer_in_time_is_told() -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await anyio.sleep_forever()
            raise AssertionError

    async def resolve(host: str, port: int) -> Sequence[str]:
        return [PUBLIC]

    with pytest.raises(Unavailable, match="took more than"):
        await fetch("https://docs.example.org/", UrlFetcher(("*",), resolve=resolve, transport=Silent(), seconds=0.05))


class Rerouted(httpx.AsyncBaseTransport):
    """Connects to a port of this machine instead of the public address, with everything else as it is."""

    def __init__(self, port: int, trusted: ssl.SSLContext) -> None:
        self._port = port
        self._inner = httpx.AsyncHTTPTransport(verify=trusted)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host == PUBLIC
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return await self._inner.handle_async_request(request)


@asynccontextmanager
async def tls_server(folder: Path, name: str) -> AsyncGenerator[tuple[int, ssl.SSLContext]]:
    """Yield the port of a server whose certificate is for `name`, and a context that trusts it."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    write_certificate(certificate, key, name)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate, key)

    async def answer(connection: anyio.abc.ByteStream) -> None:
        async with connection:
            with suppress(anyio.BrokenResourceError, anyio.EndOfStream):
                await serve(connection)

    async def serve(connection: anyio.abc.ByteStream) -> None:
        stream = await TLSStream.wrap(connection, server_side=True, ssl_context=serving, standard_compatible=False)
        await stream.receive()
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwords")
        await stream.aclose()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        yield listener.extra(anyio.abc.SocketAttribute.local_port), ssl.create_default_context(cafile=certificate)
        tasks.cancel_scope.cancel()


def write_certificate(certificate: Path, key: Path, name: str) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


async def test_the_certificate_must_be_the_hosts_though_the_request_goes_to_an_address(tmp_path: Path) -> None:
    async with tls_server(tmp_path, "docs.example.org") as (port, trusted):
        good = fetcher(refuse, transport=Rerouted(port, trusted))
        assert (await fetch("https://docs.example.org/a.md", good))[1] == b"words"
        with pytest.raises(Unavailable, match="cannot be fetched"):
            await fetch("https://a.example.net/a.md", fetcher(refuse, transport=Rerouted(port, trusted)))


async def test_without_allowed_hosts_no_url_is_fetched(tmp_path: Path) -> None:
    intake = MachineIntake(data=tmp_path, wanted=FileCriteria(frozenset(), 10), roots=[tmp_path])

    with pytest.raises(NotAllowed, match="VECTOR_STORES_URL_HOSTS"):
        await intake.survey(["https://docs.example.org/a.md"], None)


async def test_a_url_is_surveyed_without_being_fetched(tmp_path: Path) -> None:
    intake = MachineIntake(data=tmp_path, wanted=FileCriteria(frozenset(), 10), roots=[], urls=fetcher(refuse))

    survey = await intake.survey(["https://docs.example.org/a.md"], None)

    assert survey.origins == ["https://docs.example.org/a.md"]
