"""The engine on this machine: everything is in one data directory, without a key and without a network."""

from vectorstores_server.engines.local.engine import LocalEngine

__all__ = ["LocalEngine"]
