"""All settings together, and each one's place among the groups."""

from collections import defaultdict
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from vectorstores_server.settings.groups import (
    AgentSettings,
    CallSettings,
    EmbedderSettings,
    HttpSettings,
    IntakeSettings,
    LogSettings,
    RecognitionSettings,
    RemoteSettings,
    SettingsGroup,
    StorageSettings,
    is_secret,
    named,
)
from vectorstores_server.settings.values import PREFIX


class Settings(BaseModel):
    """Every setting, in its group."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    storage: StorageSettings = Field(default_factory=StorageSettings)
    embedder: EmbedderSettings = Field(default_factory=EmbedderSettings)
    recognition: RecognitionSettings = Field(default_factory=RecognitionSettings)
    intake: IntakeSettings = Field(default_factory=IntakeSettings)
    agents: AgentSettings = Field(default_factory=AgentSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    remote: RemoteSettings = Field(default_factory=RemoteSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    calls: CallSettings = Field(default_factory=CallSettings)

    @model_validator(mode="after")
    def _check_backend(self) -> Self:
        if self.storage.backend == "remote" and self.remote.base_url is None:
            raise ValueError(f"{PREFIX}BACKEND is remote, so {PREFIX}REMOTE_BASE_URL must be set")
        return self

    def value(self, name: str) -> Any:
        """Return the value of a setting by the operator's name for it."""
        group, field = PLACES[name]
        return getattr(getattr(self, group), field)

    def given(self) -> frozenset[str]:
        """Return the names of the settings that the operator set."""
        return frozenset(
            name for name, (group, field) in PLACES.items() if field in getattr(self, group).model_fields_set
        )

    def changed(self, **values: Any) -> "Settings":
        """Return the same settings but for these, by the operator's names; they are not checked."""
        groups: dict[str, dict[str, Any]] = defaultdict(dict)
        for name, value in values.items():
            group, field = PLACES[name]
            groups[group][field] = value
        return self.model_copy(
            update={group: getattr(self, group).model_copy(update=new) for group, new in groups.items()}
        )


GROUPS: dict[str, type[SettingsGroup]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, SettingsGroup)
}
PLACES: dict[str, tuple[str, str]] = {
    field.alias or name: (group, name) for group, kind in GROUPS.items() for name, field in kind.model_fields.items()
}
"""The group and the field of each setting, by the operator's name for it."""
FIELDS: dict[str, FieldInfo] = {name: field for kind in GROUPS.values() for name, field in named(kind).items()}
SECRETS = frozenset(name for name, field in FIELDS.items() if is_secret(field))


def is_list(name: str) -> bool:
    """Tell whether the setting holds several values, so that its flag is repeated."""
    return "tuple" in str(FIELDS[name].annotation) and name not in SECRETS


def flag_of(name: str) -> str:
    """`--file-root` of file_roots: the flag of a list is repeated, in the singular."""
    return "--" + (name.removesuffix("s") if is_list(name) else name).replace("_", "-")
