import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support.faulty import (
    Answer,
    Faulty,
    fails,
    faulty,
    refuses_early,
    resets,
    resets_while_it_reads,
    says,
    sends_half,
    stays_silent,
    stops_in_the_middle,
)
from vectorstores_server.engines.remote.dialects import DIALECTS
from vectorstores_server.engines.remote.engine import RemoteEngine
from vectorstores_server.engines.remote.http.address import RemoteAddress
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_server.engines.remote.http.timeouts import Timeouts
from vectorstores_tools.contract.engine import NewFile
from vectorstores_tools.contract.errors import (
    NotAllowed,
    RateLimited,
    Refused,
    StoreNotFound,
    TooLarge,
    Unavailable,
    VectorStoreError,
)
from vectorstores_tools.contract.requests import PageRequest, StoreCreate

FRESH_LOOPS = True

KEY = "sk-planted-0123456789abcdef"
STORE = {"id": "vs_1", "object": "vector_store", "created_at": 1, "name": "a", "status": "completed"}
QUICK = Timeouts(connect=2, pool=0.3, write=0.3, answer=0.3, taking_in=0.3)


class Waits:
    """Sleeps for no time, and keeps for how long it was to sleep."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def client_of(url: str, waits: Waits | None = None, timeouts: Timeouts = QUICK) -> AsyncGenerator[RemoteClient]:
    address = RemoteAddress(url, {"Authorization": f"Bearer {KEY}"}, secrets=frozenset({KEY}))
    client = RemoteClient(address, sleep=waits or Waits(), timeouts=timeouts)
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def engine_on(*answers: Answer) -> AsyncGenerator[tuple[RemoteEngine, Faulty]]:
    async with faulty(*answers) as service, client_of(service.url) as client:
        engine = RemoteEngine(client, DIALECTS["openai"])
        yield engine, service
        await engine.aclose()


async def body(size: int) -> AsyncGenerator[bytes]:
    yield bytes(size)


async def downloaded(engine: RemoteEngine) -> bytes:
    async with engine.read_file("file-1") as content:
        return b"".join([piece async for piece in content.stream])


@pytest.mark.parametrize("broken", [resets, sends_half, stays_silent, stops_in_the_middle])
async def test_a_reading_call_survives_a_connection_that_breaks_once(broken: Answer) -> None:
    async with engine_on(broken, says(200, STORE)) as (engine, service):
        assert (await engine.retrieve_store("vs_1")).id == "vs_1"
        assert [asked.connection for asked in service.asked] == [1, 2]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (resets, "broke"),
        (sends_half, "broke"),
        (stays_silent, "did not answer in time"),
        (stops_in_the_middle, "did not answer in time"),
    ],
)
async def test_a_call_that_makes_something_is_not_repeated_over_a_broken_connection(broken: Answer, said: str) -> None:
    async with engine_on(broken, says(200, STORE)) as (engine, service):
        with pytest.raises(Unavailable, match=rf"127\.0\.0\.1.*{said}.*Try again"):
            await engine.create_store(StoreCreate(name="a"))
        assert len(service.asked) == 1


async def test_a_service_that_resets_behind_an_error_is_asked_on_a_new_connection() -> None:
    async with faulty(fails(400, "Vector_store 'vs_2' not found"), resets, says(200, STORE)) as service:
        async with client_of(service.url) as client:
            with pytest.raises(StoreNotFound):
                await client.get("vector_stores/vs_2", None, Subject("vs_2"))
            assert (await client.get("vector_stores/vs_1"))["id"] == "vs_1"
        assert [asked.connection for asked in service.asked] == [1, 1, 2]


async def test_without_kept_connections_a_creation_behind_an_error_is_not_lost() -> None:
    """OGX resets what comes behind an error on the same connection, also what must not be repeated."""
    async with faulty(fails(400, "Vector_store 'vs_2' not found"), says(200, STORE)) as service:
        address = RemoteAddress(service.url, keep_alive=DIALECTS["ogx"].keep_alive)
        client = RemoteClient(address, timeouts=QUICK)
        with pytest.raises(StoreNotFound):
            await client.get("vector_stores/vs_2", None, Subject("vs_2"))
        await client.post("vector_stores", {"name": "a"})
        await client.aclose()
        assert [asked.connection for asked in service.asked] == [1, 2]


async def test_connections_are_kept_where_nothing_is_wrong() -> None:
    async with engine_on(says(200, STORE)) as (engine, service):
        for _ in range(3):
            await engine.retrieve_store("vs_1")
        assert {asked.connection for asked in service.asked} == {1}


async def test_a_service_that_hangs_is_not_asked_again_when_the_time_is_up() -> None:
    hurried = Timeouts(answer=30, whole=0.3)
    async with faulty(stays_silent) as service, client_of(service.url, timeouts=hurried) as client:
        for reading in (client.get("files"), client.post("vector_stores/vs_1/search", {}, repeatable=True)):
            with anyio.fail_after(5), pytest.raises(Unavailable, match=r"in time\. Try again in a moment\."):
                await reading
        with anyio.fail_after(5), pytest.raises(Unavailable, match="what it began may go on there"):
            await client.delete("vector_stores/vs_1")
        assert len(service.asked) == 3


async def test_a_storm_of_429_is_waited_out_only_where_files_are_taken_in_or_there_is_time() -> None:
    late = fails(429, **{"retry-after-ms": "", "retry-after": "100"})
    async with faulty(late) as service, client_of(service.url, timeouts=Timeouts()) as client:
        with pytest.raises(RateLimited, match="Try again in a minute"):
            await client.get("files")
        assert len(service.asked) == 1
        with pytest.raises(RateLimited, match="Try again in a minute"):
            await client.post("vector_stores/vs_1/file_batches", {"file_ids": ["file-1"]})
        assert len(service.asked) == 4


async def test_a_storm_of_429_is_waited_out_as_the_service_asks() -> None:
    soon = fails(429, **{"retry-after-ms": "700"})
    waits = Waits()
    async with faulty(soon, fails(429, **{"retry-after-ms": "", "retry-after": "3"}), says(200, STORE)) as service:
        async with client_of(service.url, waits) as client:
            await client.post("vector_stores", {})
        assert waits.seconds == [0.7, 3]
        assert len(service.asked) == 3


async def test_a_storm_of_429_that_does_not_end_is_bounded() -> None:
    async with engine_on(fails(429, "slow down")) as (engine, service):
        with pytest.raises(RateLimited, match="Try again in a minute"):
            await engine.list_stores(PageRequest())
        assert len(service.asked) == 3


async def test_without_a_word_of_the_service_waits_grow_and_are_spread() -> None:
    waits = Waits()
    async with faulty(says(500, "")) as service, client_of(service.url, waits) as client:
        with pytest.raises(Unavailable, match="status 500"):
            await client.get("files")
    first, second = waits.seconds
    assert 0.375 <= first <= 0.5
    assert 0.75 <= second <= 1.0


async def test_a_date_to_come_back_is_kept_and_one_too_far_away_is_not_waited_for() -> None:
    def at(seconds: float) -> str:
        return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    waits = Waits()
    soon, late = says(503, "", **{"retry-after": at(20)}), says(503, "", **{"retry-after": at(500)})
    async with faulty(soon, late) as service, client_of(service.url, waits) as client:
        with pytest.raises(Unavailable):
            await client.get("files")
    assert len(waits.seconds) == 1
    assert 15 < waits.seconds[0] <= 20


@pytest.mark.parametrize("code", [{"code": "insufficient_quota"}, {"type": "insufficient_quota"}])
async def test_an_account_without_quota_is_not_asked_again(code: dict[str, str]) -> None:
    broke = says(429, {"error": {"message": "You exceeded your current quota.", **code}}, **{"retry-after": "1"})
    async with engine_on(broke) as (engine, service):
        with pytest.raises(RateLimited, match=r"quota.*plan and billing"):
            await engine.list_stores(PageRequest())
        assert len(service.asked) == 1


@pytest.mark.parametrize(
    "garbage",
    [
        says(200, "{half a bo"),
        says(200, "<!doctype html><html><body>Welcome</body></html>"),
        says(200, ""),
        says(200, "[1, 2]"),
        says(200, '"\\ud800"'),
        says(200, "{}", **{"content-encoding": "gzip"}),
    ],
    ids=["half of JSON", "a page", "nothing", "a list", "a text", "broken gzip"],
)
async def test_an_answer_that_is_no_object_says_what_to_check(garbage: Answer) -> None:
    async with engine_on(garbage) as (engine, _):
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
            await engine.retrieve_store("vs_1")


@pytest.mark.parametrize(
    "body",
    [{}, {"id": 5}, {"id": None}, {"id": "vs_1", "created_at": "yesterday"}, {"error": None}],
    ids=["empty", "a number for an id", "no id", "a word for a time", "an error that is none"],
)
async def test_an_object_of_another_shape_is_an_error_in_our_words(body: object) -> None:
    async with engine_on(says(200, body)) as (engine, _):
        with pytest.raises(Unavailable, match="REMOTE_BASE_URL"):
            await engine.retrieve_store("vs_1")


@pytest.mark.parametrize("status", [200, 403, 404, 500, 502])
async def test_a_page_of_html_is_never_shown(status: int) -> None:
    page = says(status, f"<html><head><title>Oops {KEY}</title></head></html>", **{"x-should-retry": "false"})
    async with engine_on(page) as (engine, _):
        with pytest.raises(VectorStoreError) as raised:
            await engine.retrieve_store("vs_1")
        assert "<" not in str(raised.value)
        assert KEY not in str(raised.value)
        assert raised.value.next


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_host_never_gets_the_key(status: int) -> None:
    async with faulty(says(200, STORE)) as thief:
        away = says(status, "", location=f"{thief.url}/vector_stores/vs_1")
        async with engine_on(away) as (engine, service):
            for call in (engine.retrieve_store("vs_1"), engine.create_store(StoreCreate(name="a"))):
                with pytest.raises(Unavailable, match="final address into VECTOR_STORES_REMOTE_BASE_URL"):
                    await call
            assert len(service.asked) == 2
        assert thief.asked == []


@pytest.mark.parametrize(
    ("status", "kind", "next"),
    [(401, Refused, "REMOTE_API_KEY"), (403, NotAllowed, "key may do"), (413, TooLarge, "smaller")],
)
async def test_refusals_say_what_to_do_and_never_show_the_key(
    status: int, kind: type[VectorStoreError], next: str
) -> None:
    async with engine_on(fails(status, f"Incorrect API key provided: {KEY}.")) as (engine, service):
        with pytest.raises(kind, match=next) as raised:
            await engine.list_stores(PageRequest())
        assert KEY not in str(raised.value)
        assert len(service.asked) == 1


async def test_a_refusal_in_the_middle_of_an_upload_is_understood() -> None:
    async with engine_on(refuses_early) as (engine, service):
        with pytest.raises(TooLarge, match="smaller"):
            await engine.create_file(NewFile("a.txt", body(20_000_000)))
        assert len(service.asked) == 1


async def test_a_service_that_goes_away_in_the_middle_of_an_upload_is_an_error_and_no_second_upload() -> None:
    async with engine_on(resets_while_it_reads) as (engine, service):
        with pytest.raises(Unavailable, match="broke"):
            await engine.create_file(NewFile("a.txt", body(20_000_000)))
        assert len(service.asked) == 1


async def test_a_service_that_stops_taking_an_upload_ends_it() -> None:
    over = anyio.Event()

    async def takes_nothing(asked: object) -> None:
        await over.wait()

    async with engine_on(takes_nothing) as (engine, _):
        with anyio.fail_after(5), pytest.raises(Unavailable, match="stopped taking"):
            await engine.create_file(NewFile("a.txt", body(50_000_000)))
        over.set()


async def test_a_download_that_breaks_off_is_an_error_not_a_shorter_file() -> None:
    file = {"id": "file-1", "object": "file", "bytes": 1000, "filename": "a.txt"}
    async with engine_on(says(200, file), sends_half) as (engine, _):
        with pytest.raises(Unavailable, match="broke"):
            await downloaded(engine)


async def test_a_download_is_asked_for_again_before_it_has_begun() -> None:
    file = {"id": "file-1", "object": "file", "bytes": 5, "filename": "a.txt"}
    async with engine_on(says(200, file), resets, fails(429), says(200, "hello")) as (engine, service):
        assert await downloaded(engine) == b"hello"
        assert len(service.asked) == 4


async def test_nobody_at_the_address_says_so() -> None:
    async with faulty(says(200, STORE)) as service:
        url = service.url
    async with client_of(url) as client:
        with pytest.raises(
            Unavailable, match=r"127\.0\.0\.1:\d+ cannot be reached.*VECTOR_STORES_REMOTE_BASE_URL.*service runs"
        ):
            await client.get("files")


async def test_a_name_that_does_not_exist_says_so() -> None:
    async with client_of("http://nothing.invalid/v1") as client:
        with pytest.raises(Unavailable, match=r"nothing\.invalid cannot be resolved.*REMOTE_BASE_URL"):
            await client.get("files")


async def test_a_certificate_that_nobody_vouches_for_says_so(tmp_path: Path) -> None:
    async with faulty(says(200, STORE), tls=self_signed(tmp_path)) as service, client_of(service.url) as client:
        with pytest.raises(Unavailable, match=r"certificate.*SSL_CERT_FILE"):
            await client.get("files")
        assert service.asked == []


async def test_https_to_a_service_without_tls_says_so() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server, client_of(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1") as client:
        with pytest.raises(Unavailable, match=r"does not speak TLS.*http://"):
            await client.get("files")


async def test_more_calls_than_connections_wait_and_the_last_ones_say_so() -> None:
    patient = Timeouts(answer=30, pool=0.1)
    async with faulty(stays_silent) as service, client_of(service.url, timeouts=patient) as client:
        refused: list[str] = []

        async def one() -> None:
            try:
                await client.get("files")
            except Unavailable as error:
                refused.append(str(error))
                if len(refused) == 8:
                    tasks.cancel_scope.cancel()

        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for _ in range(40):
                    tasks.start_soon(one)
    assert all("too many calls" in said for said in refused), refused


def self_signed(folder: Path) -> ssl.SSLContext:
    """A certificate that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = folder / "chain.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context
