"""OAuth: whose JWTs are taken, and how a client learns where to get one."""

import base64
import hmac
import json
import logging
import time
from typing import Any

import anyio
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from support.oauth_issuer import AUDIENCE, ISSUER, Issuer
from vectorstores_server.http.jwks import SECONDS_GOOD, IssuerKeys
from vectorstores_server.http.oauth import JwtVerifier
from vectorstores_tools.contract.errors import InvalidRequest, Unavailable

ENCODINGS = (Encoding.DER, Encoding.PEM, Encoding.OpenSSH, Encoding.X962)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def verifier(issuer: Issuer, clock: Clock | None = None) -> JwtVerifier:
    return JwtVerifier(IssuerKeys(ISSUER, issuer.transport, clock or Clock()), AUDIENCE)


async def test_a_good_token_says_who_comes_and_until_when() -> None:
    issuer = Issuer()
    expires = int(time.time()) + 60
    caller = await verifier(issuer).caller(issuer.token(exp=expires))
    assert caller is not None
    assert (caller.name, caller.read_only) == ("oauth:ann", False)
    assert caller.expires_at is not None
    assert expires <= caller.expires_at <= expires + 60


@pytest.mark.parametrize(
    ("claims", "read_only"),
    [
        ({"scope": "vector_stores:read"}, True),
        ({"scope": "openid vector_stores:read vector_stores:write"}, False),
        ({"scope": "openid"}, False),
        ({"scp": ["vector_stores:read"]}, True),
        ({"scp": "vector_stores:read"}, True),
        ({"scope": {"odd": 1}}, False),
    ],
)
async def test_a_token_with_the_read_scope_only_reads(claims: dict[str, Any], read_only: bool) -> None:
    issuer = Issuer()
    caller = await verifier(issuer).caller(issuer.token(**claims))
    assert caller is not None
    assert caller.read_only is read_only


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://another.example/mcp"},
        {"aud": ["https://another.example", "x"]},
        {"aud": ""},
        {"iss": "https://evil.example"},
        {"iss": f"{ISSUER}/evil"},
        {"exp": 1},
        {"exp": "never"},
        {"sub": 7},
    ],
)
async def test_a_token_with_a_wrong_claim_is_not_taken(claims: dict[str, Any]) -> None:
    issuer = Issuer()
    assert await verifier(issuer).caller(issuer.token(**claims)) is None


@pytest.mark.parametrize(("claim", "seconds_from_now"), [("exp", -60), ("nbf", 600)])
async def test_a_token_that_is_over_or_not_yet_good_is_not_taken(claim: str, seconds_from_now: int) -> None:
    issuer = Issuer()
    claims: dict[str, Any] = {claim: int(time.time()) + seconds_from_now}
    assert await verifier(issuer).caller(issuer.token(**claims)) is None


@pytest.mark.parametrize("claim", ["iss", "aud", "exp"])
async def test_a_token_without_a_claim_that_bounds_it_is_not_taken(claim: str) -> None:
    issuer = Issuer()
    assert await verifier(issuer).caller(issuer.token(without=claim)) is None


async def test_a_token_that_names_nobody_is_not_taken_and_one_of_a_client_is() -> None:
    issuer = Issuer()
    check = verifier(issuer)
    caller = await check.caller(issuer.token(without="sub"))
    assert caller is not None
    assert caller.name == "oauth-client:app"
    assert await check.caller(issuer.token(without="sub", client_id="")) is None


async def test_audience_and_issuer_may_end_in_a_slash_or_be_one_of_several() -> None:
    issuer = Issuer()
    check = verifier(issuer)
    assert await check.caller(issuer.token(aud=f"{AUDIENCE}/")) is not None
    assert await check.caller(issuer.token(aud=["https://another.example", AUDIENCE])) is not None
    assert await check.caller(issuer.token(iss=f"{ISSUER}/")) is not None


async def test_a_token_signed_by_somebody_else_is_not_taken() -> None:
    issuer, other = Issuer(), Issuer()
    assert await verifier(issuer).caller(other.token()) is None
    good = issuer.token()
    assert await verifier(issuer).caller(good[:-6] + ("AAAAAA" if good[-6:] != "AAAAAA" else "BBBBBB")) is None


async def test_the_algorithm_is_that_of_the_key_whatever_the_token_says() -> None:
    issuer = Issuer()
    check = verifier(issuer)
    good = jwt.decode(issuer.token(), options={"verify_signature": False})
    unsigned = jwt.encode(good, "", "none", {"kid": "first"})
    as_password = [hmac_signed(good, issuer.keys["first"].public_key(), encoding) for encoding in ENCODINGS]
    of_another_kind = jwt.encode(good, rsa.generate_private_key(65537, 2048), "RS256", {"kid": "first"})
    for token in (unsigned, *as_password, of_another_kind):
        assert await check.caller(token) is None


def hmac_signed(claims: dict[str, Any], key: EllipticCurvePublicKey, encoding: Encoding) -> str:
    """Sign with the public key as if it were a password, by hand: PyJWT would not."""
    openssh = {Encoding.OpenSSH: PublicFormat.OpenSSH, Encoding.X962: PublicFormat.UncompressedPoint}
    password = key.public_bytes(encoding, openssh.get(encoding, PublicFormat.SubjectPublicKeyInfo))
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "first"}, claims)]
    signed = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    mac = hmac.digest(password, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


async def test_keys_that_anybody_may_know_or_that_do_not_sign_are_not_used() -> None:
    issuer = Issuer()
    password = b"a password of thirty-two letters"
    issuer.more_keys = [
        {"kty": "oct", "kid": "shared", "k": base64.urlsafe_b64encode(password).decode().rstrip("="), "alg": "HS256"},
        {**issuer.public("first"), "kid": "for-encryption", "use": "enc"},
    ]
    check = verifier(issuer)
    good = jwt.decode(issuer.token(), options={"verify_signature": False})
    assert await check.caller(jwt.encode(good, password, "HS256", {"kid": "shared"})) is None
    assert await check.caller(issuer.token(headers={"kid": "for-encryption"})) is None
    assert await check.caller(issuer.token()) is not None


async def test_a_token_cannot_bring_its_own_key() -> None:
    issuer, other = Issuer(), Issuer()
    headers = {"jwk": other.public("first"), "jku": "https://evil.example/keys", "x5u": "https://evil.example"}
    assert await verifier(issuer).caller(other.token(headers=headers)) is None
    assert set(issuer.asked) <= {issuer.well_known, "/keys"}


async def test_rsa_keys_are_used_too() -> None:
    issuer = Issuer()
    key = rsa.generate_private_key(65537, 2048)
    issuer.more_keys = [{**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": "rsa"}]
    good = jwt.decode(issuer.token(), options={"verify_signature": False})
    assert await verifier(issuer).caller(jwt.encode(good, key, "RS256", {"kid": "rsa"})) is not None


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "\u00f6.\u00f6.\u00f6", "e30.e30.", "W10.W10.W10"])
async def test_what_is_no_jwt_is_not_taken_and_asks_nobody(token: str) -> None:
    issuer = Issuer()
    assert await verifier(issuer).caller(token) is None
    assert issuer.asked == []


async def test_a_header_made_to_break_the_parser_is_not_taken() -> None:
    deep = base64.urlsafe_b64encode(b'{"kid":' + b"[" * 40_000).decode().rstrip("=")
    assert await verifier(Issuer()).caller(f"{deep}.e30.AA") is None


async def test_keys_are_fetched_once_for_many_tokens() -> None:
    issuer = Issuer()
    check = verifier(issuer)
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(check.caller, issuer.token())
    assert issuer.asked == [issuer.well_known, "/keys"]


async def test_a_rotated_key_is_found_and_the_old_one_no_longer_good() -> None:
    issuer, clock = Issuer(), Clock()
    check = verifier(issuer, clock)
    old = issuer.token()
    assert await check.caller(old) is not None
    issuer.rotate("second")
    clock.now += 31
    assert await check.caller(issuer.token()) is not None
    assert await check.caller(old) is None


async def test_unknown_keys_do_not_make_us_ask_the_issuer_again_and_again() -> None:
    issuer = Issuer()
    check = verifier(issuer)
    for number in range(20):
        assert await check.caller(issuer.token(headers={"kid": f"made-up-{number}"})) is None
    assert len(issuer.asked) == 2


async def test_an_issuer_that_is_down_is_not_the_fault_of_the_token() -> None:
    issuer, clock = Issuer(up=False), Clock()
    check = verifier(issuer, clock)
    for _ in range(2):
        with pytest.raises(Unavailable, match="out of reach"):
            await check.caller(issuer.token())
    assert len(issuer.asked) == 1
    issuer.up, clock.now = True, clock.now + 31
    assert await check.caller(issuer.token()) is not None


async def test_a_slow_issuer_holds_up_one_token_whose_key_is_known_and_no_other() -> None:
    issuer, clock = Issuer(), Clock()
    asked, go = anyio.Event(), anyio.Event()

    async def slowly(request: httpx.Request) -> httpx.Response:
        if clock.now > SECONDS_GOOD:
            asked.set()
            await go.wait()
        return issuer.answer(request)

    check = JwtVerifier(IssuerKeys(ISSUER, httpx.MockTransport(slowly), clock), AUDIENCE)
    assert await check.caller(issuer.token()) is not None
    clock.now += SECONDS_GOOD + 1
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(check.caller, issuer.token())
            await asked.wait()
            assert await check.caller(issuer.token()) is not None
            go.set()


async def test_known_keys_outlive_an_outage_of_a_day_but_not_more() -> None:
    issuer, clock = Issuer(), Clock()
    check = verifier(issuer, clock)
    assert await check.caller(issuer.token()) is not None
    issuer.up, clock.now = False, clock.now + 80_000
    assert await check.caller(issuer.token()) is not None
    clock.now += 10_000
    with pytest.raises(Unavailable):
        await check.caller(issuer.token())


@pytest.mark.parametrize(
    "odd",
    [
        Issuer(name="https://another.example"),
        Issuer(keys_url="http://issuer.example/keys"),
        Issuer(keys_url="https://issuer.example/nowhere"),
        Issuer(well_known="/nowhere"),
    ],
)
async def test_an_issuer_that_publishes_nonsense_is_as_good_as_down(
    odd: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with pytest.raises(Unavailable):
        await verifier(odd).caller(odd.token(iss=ISSUER))
    assert ISSUER in caplog.text


async def test_metadata_of_openid_is_found_too() -> None:
    issuer = Issuer(well_known="/tenant/.well-known/openid-configuration")
    assert await verifier(issuer).caller(issuer.token()) is not None


@pytest.mark.parametrize("address", ["http://issuer.example", "ftp://issuer.example", "issuer.example"])
def test_an_issuer_that_anybody_could_speak_for_is_refused(address: str) -> None:
    with pytest.raises(InvalidRequest, match="https"):
        IssuerKeys(address)
    IssuerKeys("http://127.0.0.1:9000")
