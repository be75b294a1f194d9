"""The start of a web server from the settings: one engine for all transports, and the policy on callers."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import anyio
from mcp.server import MCPServer

from vectorstores_server.bounds.engine import records_of, seen_within, walker_within
from vectorstores_server.calls.recorder import CallRecorder, recorder_for
from vectorstores_server.calls.ring import CallRing
from vectorstores_server.engines import open_engine
from vectorstores_server.http.app import Servers, build_web
from vectorstores_server.http.auth import AnyVerifier, OwnerToken, StaticTokens, Verifier, answered_hosts, check_bind
from vectorstores_server.http.concurrency import Admission
from vectorstores_server.http.policy import Policy
from vectorstores_server.http.server import BindAddress, serve_http, url_of
from vectorstores_server.intake import intake_for
from vectorstores_server.mirrors import MirrorKeeper, watches
from vectorstores_server.page.opening import OWNER, OneTimeTokens, PageServer
from vectorstores_server.page.paths import SIGN_IN
from vectorstores_server.protocol.server import ToolSurface, build_server
from vectorstores_server.settings import Settings
from vectorstores_server.system.logs import event
from vectorstores_server.system.shutdown import close_and_leave
from vectorstores_tools.contract.bounds import StoreBounds
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.requests import PageRequest

if TYPE_CHECKING:
    from vectorstores_server.http.oauth import ResourceServer

log = logging.getLogger(__name__)


async def serve_web(
    settings: Settings, address: str, surface: ToolSurface, opened: Callable[[str], None] | None = None
) -> NoReturn:
    """Serve until a signal. Raises InvalidRequest where the settings leave the server open to strangers.

    With `opened` the server is its owner's alone: it gets the address that lets the owner in, once.
    """
    bind = BindAddress.of(address)
    tokens = [token.get_secret_value() for token in settings.http.tokens]
    check_bind(bind.host, tokens, settings.http.allowed_hosts, oauth_issuer=settings.http.oauth_issuer)
    oauth = _oauth(settings)
    once = OneTimeTokens(secrets.token_hex(32))
    policy = _policy(settings, tokens, oauth, OwnerToken(once.secret, OWNER), alone=opened is not None)
    engine = await open_engine(settings, tells_paths=False, warms=True)
    policy = await _binding(policy, engine, StaticTokens(() if opened else tokens))
    with bind.listen() as listening:
        admission = Admission(settings.http.max_requests, settings.http.max_requests_per_token)
        keeper, calls = _keeper(settings, engine), recorder_for(settings)
        app = build_web(
            _servers(settings, engine, surface, keeper, calls),
            engine,
            engine.health,
            policy=policy,
            admission=admission,
            metadata=oauth.metadata if oauth else None,
            read_only=settings.agents.read_only,
            ring=CallRing(settings.storage.data) if settings.calls.keep else None,
            calls=calls,
            once=once,
        )
        server = PageServer(url_of(listening), once.secret if policy.verifier else "")
        is_told = await _tell_owner(settings, engine, server)
        if opened is not None:
            opened(f"{server.url}{SIGN_IN}?once={once.issue()}")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.run)
            await serve_http(app, admission, listening)
            tasks.cancel_scope.cancel()
        if is_told:
            server.remove(settings.storage.data)
    await close_and_leave(engine)


async def _binding(policy: Policy, engine: Engine, tokens: StaticTokens) -> Policy:
    """Return the policy over an engine. Raises NotSupported for a token that the engine cannot hold to its stores."""
    if tokens.are_bound and engine.bounded is None:
        await engine.aclose()
        records_of(engine)
    return replace(policy, binds=engine.bounded is not None)


async def _tell_owner(settings: Settings, engine: Engine, server: PageServer) -> bool:
    """Write the server's address into the data directory, unless there is none or nothing may be written there."""
    if engine.capabilities.remote or settings.agents.read_only:
        return False
    try:
        await engine.list_stores(PageRequest(limit=1))  # a new directory becomes ours before anything lies in it
        server.write(settings.storage.data)
    except (VectorStoreError, OSError) as error:
        log.warning("`open` will not find this server: %s", error, extra=event("page_unannounced"))
        return False
    return True


def _keeper(settings: Settings, engine: Engine) -> MirrorKeeper:
    intake = intake_for(settings, engine.capabilities, over_http=True)
    return MirrorKeeper(engine, intake, watch=watches(settings))


def _servers(
    settings: Settings, engine: Engine, surface: ToolSurface, keeper: MirrorKeeper, calls: CallRecorder | None
) -> Servers:
    intake = intake_for(settings, engine.capabilities, over_http=True)
    reads = replace(surface, read_only=True)
    writing = build_server(engine, intake, surface, calls, keeper)
    reading = writing if surface.read_only else build_server(engine, intake, reads, calls, keeper)

    def bound(bounds: StoreBounds, read_only: bool) -> MCPServer:
        seen = seen_within(engine, bounds)
        return build_server(seen, intake, reads if read_only else surface, calls, walker_within(engine, keeper, bounds))

    return Servers(writing, reading, bound)


def _policy(
    settings: Settings, tokens: list[str], oauth: "ResourceServer | None", owner: OwnerToken, *, alone: bool
) -> Policy:
    """Return the policy: the owner is let in too wherever a token is needed, and nobody else where they are `alone`."""
    hosts = answered_hosts(settings.http.allowed_hosts)
    if alone:
        return Policy(hosts=hosts, verifier=owner)
    verifiers: list[Verifier] = [StaticTokens(tokens)] if tokens else []
    if oauth is None:
        return Policy(hosts=hosts, verifier=AnyVerifier([*verifiers, owner]) if verifiers else None)
    verifier = AnyVerifier([*verifiers, owner, oauth.verifier])
    return Policy(hosts=hosts, verifier=verifier, metadata_url=oauth.metadata_url)


def _oauth(settings: Settings) -> "ResourceServer | None":
    if settings.http.oauth_issuer is None or settings.http.oauth_audience is None:
        return None
    from vectorstores_server.http.oauth import resource_server

    return resource_server(settings.http.oauth_issuer, settings.http.oauth_audience)
