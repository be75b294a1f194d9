"""The operator's settings: read once by `cli`, frozen, and handed down."""

from vectorstores_server.settings.groups import AUTO, CHOSEN
from vectorstores_server.settings.model import FIELDS, SECRETS, Settings, flag_of, is_list
from vectorstores_server.settings.reading import CLOSED_WHEN_EMPTY, read_settings, settings_from, unknown_variables
from vectorstores_server.settings.values import APP, PREFIX

__all__ = [
    "APP",
    "AUTO",
    "CHOSEN",
    "CLOSED_WHEN_EMPTY",
    "FIELDS",
    "PREFIX",
    "SECRETS",
    "Settings",
    "flag_of",
    "is_list",
    "read_settings",
    "settings_from",
    "unknown_variables",
]
