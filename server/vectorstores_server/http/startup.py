"""From the settings to a running web server: one engine for all transports, and who may come in."""

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from vectorstores_server.engines import open_engine
from vectorstores_server.http.app import Servers, build_web
from vectorstores_server.http.auth import AnyVerifier, StaticTokens, Verifier, answered_hosts, check_bind
from vectorstores_server.http.concurrency import Admission
from vectorstores_server.http.policy import Policy
from vectorstores_server.http.server import BindAddress, serve_http
from vectorstores_server.intake import intake_for
from vectorstores_server.protocol.server import ToolSurface, build_server
from vectorstores_server.settings import Settings
from vectorstores_server.system.shutdown import close_and_leave
from vectorstores_tools.contract.engine import Engine

if TYPE_CHECKING:
    from vectorstores_server.http.oauth import ResourceServer


async def serve_web(settings: Settings, address: str, surface: ToolSurface) -> NoReturn:
    """Serve until a signal. InvalidRequest where the settings would let in whom they should not."""
    bind = BindAddress.of(address)
    tokens = [token.get_secret_value() for token in settings.tokens]
    check_bind(bind.host, tokens, settings.allowed_hosts, oauth_issuer=settings.oauth_issuer)
    oauth = _oauth(settings)
    policy = _policy(settings, tokens, oauth)
    engine = await open_engine(settings, tells_paths=False)
    with bind.listen() as listening:
        admission = Admission(settings.max_requests, settings.max_requests_per_token)
        app = build_web(
            _servers(settings, engine, surface),
            engine,
            engine.health,
            policy=policy,
            admission=admission,
            metadata=oauth.metadata if oauth else None,
            read_only=settings.read_only,
        )
        await serve_http(app, admission, listening)
    await close_and_leave(engine)


def _servers(settings: Settings, engine: Engine, surface: ToolSurface) -> Servers:
    intake = intake_for(settings, engine.capabilities, over_http=True)
    writing = build_server(engine, intake, surface)
    reading = writing if surface.read_only else build_server(engine, intake, replace(surface, read_only=True))
    return Servers(writing, reading)


def _policy(settings: Settings, tokens: list[str], oauth: "ResourceServer | None") -> Policy:
    hosts = answered_hosts(settings.allowed_hosts)
    verifiers: list[Verifier] = [StaticTokens(tokens)] if tokens else []
    if oauth is None:
        return Policy(hosts=hosts, verifier=AnyVerifier(verifiers) if verifiers else None)
    return Policy(hosts=hosts, verifier=AnyVerifier([*verifiers, oauth.verifier]), metadata_url=oauth.metadata_url)


def _oauth(settings: Settings) -> "ResourceServer | None":
    if settings.oauth_issuer is None or settings.oauth_audience is None:
        return None
    from vectorstores_server.http.oauth import resource_server

    return resource_server(settings.oauth_issuer, settings.oauth_audience)
