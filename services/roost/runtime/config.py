"""The settings: every knob's name, default, bounds and reason; and where values come from.

A value on the command line wins over `ROOST_<NAME>` in the environment, that over the TOML
file (`--config` or `ROOST_CONFIG`), that over the default.
"""

from __future__ import annotations

import os
import socket
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from roost.runtime.values import (
    DatabaseUrl,
    Domain,
    Networks,
    RedisUrl,
    WebUrl,
    masked,
    with_password,
    with_sentinel_password,
)

PREFIX = "ROOST_"
FILE_VARIABLE = "ROOST_CONFIG"

Port = Annotated[int, Field(ge=0, le=65535)]
_APART = {
    "redis_password": ("redis_url", with_password),
    "redis_sentinel_password": ("redis_url", with_sentinel_password),
    "database_password": ("database_url", with_password),
}
"""Each password that can stand alone, with the URL that it belongs into, and how it gets there."""
SECRET = ("redis_url", "database_url", *_APART)


class SettingsError(Exception):
    """Settings that cannot be used; `mistakes` has a sentence for each, with its name."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        """`mistakes` are whole sentences without a secret in them."""
        super().__init__("; ".join(mistakes))
        self.mistakes = list(mistakes)


class Settings(BaseModel):
    """All settings of all roles. Immutable. Made by `load`; `Settings(...)` itself reads no environment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # The cluster
    domain: Domain = Field(
        "localhost", description="The XMPP domain: what stands after the @ in the users' addresses."
    )
    pod_name: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        max_length=253,
        description="What this process is called in logs; free text, nothing depends on it.",
    )
    redis_url: RedisUrl = Field(
        "redis://127.0.0.1:6379",
        repr=False,
        description=(
            "Redis or Valkey: `redis://`, `rediss://` (TLS) or `unix://` for one server, "
            "`redis+sentinel://host:26379,host:26379/name-of-the-master` (with `?sentinel_username=` and "
            "`&sentinel_password=` if the Sentinels have their own) and "
            "`redis+cluster://host:6379,host:6379` for more; `rediss+` for TLS, with Sentinels too."
        ),
    )
    redis_password: str | None = Field(
        None,
        repr=False,
        description="Redis's password, in any characters, where `redis_url` has none.",
    )
    redis_sentinel_password: str | None = Field(
        None,
        repr=False,
        description="The Sentinels' own password, if they demand one; `redis_url` may name their user.",
    )
    redis_timeout_seconds: float = Field(
        5,
        ge=0.1,
        le=60,
        description="How long Redis may take to answer before the connection counts as lost.",
    )
    database_url: DatabaseUrl = Field(
        "postgresql://127.0.0.1:5432/roost",
        repr=False,
        description="PostgreSQL.",
    )
    database_password: str | None = Field(
        None,
        repr=False,
        description="PostgreSQL's password, in any characters, where `database_url` has none.",
    )
    database_pool_size: int = Field(4, ge=1, le=100, description="Connections to PostgreSQL of one process.")
    store_timeout_seconds: float = Field(
        10,
        ge=0.1,
        le=120,
        description="How long one database statement may take, the wait for a connection included.",
    )
    lease_seconds: float = Field(
        15,
        ge=1,
        le=300,
        description="How long a process that gives no sign of life keeps its sessions and shards.",
    )
    heartbeat_seconds: float = Field(
        5,
        ge=0.1,
        le=100,
        description="How often a process renews its leases; at most half of `lease_seconds`.",
    )
    presence_shards: int = Field(
        16,
        ge=1,
        le=1024,
        description="Into how many parts the presence service's work is divided, cluster-wide.",
    )

    # Listening
    listen_host: str = Field(
        "0.0.0.0",  # noqa: S104
        min_length=1,
        description="The address that clients' ports listen on.",
    )
    starttls_port: Port = Field(
        5222, description="Port for TCP with STARTTLS, shared by all processes of one machine; 0 for none."
    )
    direct_tls_port: Port = Field(
        5223,
        description="Port for direct TLS (XEP-0368), shared by all processes of one machine; 0 for none.",
    )
    own_starttls_port: Port = Field(
        0, description="A second STARTTLS port that is this process's alone, to address it; 0 for none."
    )
    own_direct_tls_port: Port = Field(
        0, description="A second direct TLS port that is this process's alone, to address it; 0 for none."
    )
    proxy_protocol: Literal["off", "required"] = Field(
        "off",
        description=(
            "`required`: a balancer stands before all ports for clients and tells their addresses by the "
            "PROXY protocol, version 1 or 2; who does not speak it is closed."
        ),
    )
    proxy_protocol_from: Networks = Field(
        "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7",
        description=(
            "The networks of those balancers, with commas between them; who connects from elsewhere is "
            "closed."
        ),
    )
    metrics_host: str = Field(
        "0.0.0.0",  # noqa: S104
        min_length=1,
        description="The address that the metrics port listens on.",
    )
    metrics_port: Port = Field(9090, description="Port of `/metrics`, `/live` and `/ready`; 0 for none.")

    # Security
    tls: Literal["required", "optional"] = Field(
        "required",
        description=(
            "`required`: clients must use TLS. `optional`: TLS ends in a balancer in front, "
            "so a plain stream counts as secure."
        ),
    )
    certificate_file: Path | None = Field(
        None, description="The certificate and its chain, PEM; read again when it changes."
    )
    key_file: Path | None = Field(
        None, description="The certificate's private key, PEM; read again when it changes."
    )
    registration: Literal["open", "closed"] = Field(
        "closed", description="`open`: clients may make their own accounts (XEP-0077)."
    )
    registrations_per_minute: int = Field(
        6000, ge=1, le=1_000_000, description="New accounts by clients per minute, cluster-wide."
    )
    hash_threads: int = Field(
        2, ge=1, le=64, description="Threads that hash passwords, beside the one that serves clients."
    )
    login_attempts_per_stream: int = Field(
        5,
        ge=2,
        le=100,
        description="Failed logins on one stream before it is closed (RFC 6120 section 6.4.5).",
    )
    login_failures_per_account_per_minute: int = Field(
        30,
        ge=1,
        le=100_000,
        description="Failed logins to one account before further ones wait, cluster-wide.",
    )
    login_failures_per_address_per_minute: int = Field(
        300,
        ge=1,
        le=1_000_000,
        description="Failed logins from one address before further ones wait, cluster-wide.",
    )
    scram_iterations: int = Field(
        4096, ge=4096, le=1_000_000, description="Rounds of the hash over new passwords (RFC 7677 section 4)."
    )

    # Bounds of one stream
    max_stanza_bytes: int = Field(
        262_144,
        ge=10_000,
        le=16_777_216,
        description="The largest stanza (RFC 6120 section 13.12 wants 10,000 at least).",
    )
    max_unauthenticated_stanza_bytes: int = Field(
        8192, ge=1024, le=262_144, description="The largest element before a login."
    )
    max_depth: int = Field(50, ge=8, le=1000, description="How deep elements may be nested.")
    max_attributes: int = Field(
        100, ge=16, le=10_000, description="Attributes of one element, declarations of namespaces included."
    )
    unauthenticated_seconds: float = Field(
        15, ge=1, le=600, description="How long a stream may take to log in."
    )
    max_unauthenticated_streams: int = Field(
        5000, ge=1, le=1_000_000, description="Streams of one process that have not logged in yet."
    )
    idle_seconds: int = Field(
        1800,
        ge=30,
        le=86_400,
        description="Silence after which a client is asked for a sign of life; told to it by XEP-0478.",
    )
    sessions_per_account: int = Field(20, ge=1, le=1000, description="Sessions of one account at a time.")
    directed_presences_per_session: int = Field(
        1000,
        ge=10,
        le=100_000,
        description="Addresses that one session may have sent presence to, which hear when it ends.",
    )
    session_queue_stanzas: int = Field(
        2000, ge=10, le=1_000_000, description="Stanzas that may wait for one session."
    )
    queue_trim_seconds: float = Field(
        1, ge=0.05, le=60, description="How often what was delivered is taken off the sessions' queues."
    )
    shard_entries: int = Field(
        100_000, ge=1000, le=10_000_000, description="Entries of one shard of a service that may wait."
    )
    close_seconds: float = Field(
        5, ge=0.1, le=60, description="How long a closed connection may take to send what was written."
    )
    write_buffer_bytes: int = Field(
        1_048_576,
        ge=65_536,
        le=268_435_456,
        description="Bytes that may wait for a client that reads slowly; over it, the stream is closed.",
    )
    drain_seconds: float = Field(
        30,
        ge=0,
        le=600,
        description=(
            "How long a process that was asked to stop may take. A process manager should give it a few "
            "seconds more before it kills it."
        ),
    )
    drain_streams_per_second: float = Field(
        100,
        ge=1,
        le=100_000,
        description=(
            "How many streams a stopping process closes a second, so that their clients do not all come back "
            "at once; quicker when there are too many for `drain_seconds`."
        ),
    )
    offline_messages_per_account: int = Field(
        1000, ge=0, le=1_000_000, description="Messages kept for an account that is not there (XEP-0160)."
    )

    # Logs
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important kind of line that is logged."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="`json`: a line, an object, for machines. `console`: for people."
    )
    log_jids: Literal["plain", "hashed"] = Field(
        "plain",
        description=(
            "How logs show JIDs. `plain`: as they are. `hashed`: as keyed hashes, the same on all processes "
            "of the cluster; `roost user hash` tells an account's."
        ),
    )

    # Traces
    trace_endpoint: WebUrl | None = Field(
        None,
        repr=False,
        description=(
            "Where traces go: an OpenTelemetry collector's OTLP/HTTP endpoint, such as "
            "`http://collector:4318`. None for no traces. Needs the extra `tracing`."
        ),
    )
    trace_ratio: float = Field(
        0.001, ge=0, le=1, description="The share of stanzas and logins that are traced."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_passwords(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Put passwords that stand alone into their URLs, where everybody looks for them."""
        values = dict(values)
        for password, (url, put) in _APART.items():
            given = values.pop(password, None)
            if given:
                values[url] = put(values.get(url, cls.model_fields[url].default), str(given))
        return values

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together: give both or neither")
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError("heartbeat_seconds must be at most half of lease_seconds")
        return self


def load(
    options: Mapping[str, Any] | None = None,
    file: Path | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Settings:
    """The effective settings: `options` of the command line (None counts as not given), the
    environment, the TOML file, `defaults` where they are not those of Settings.

    Raises SettingsError with all mistakes at once.
    """
    file = file or _file_of_environment()
    sources = {
        "option": {name: value for name, value in (options or {}).items() if value is not None},
        "environment": _environment(),
        "file": _read(file) if file else {},
    }
    try:
        return Settings(
            **{**(defaults or {}), **sources["file"], **sources["environment"], **sources["option"]}
        )
    except ValidationError as error:
        raise SettingsError([_mistake(found, sources, file) for found in error.errors()]) from None


def effective(settings: Settings) -> dict[str, str]:
    """Each setting as text, passwords masked, in the order of their definition."""
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    return {name: masked("" if value is None else str(value)) for name, value in values.items()}


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables that make `load` give the same settings in a child process. Holds secrets."""
    values = settings.model_dump(exclude_none=True)
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}


def _environment() -> dict[str, str]:
    """What variables say; an empty one says nothing."""
    variables = ((name, os.environ.get(f"{PREFIX}{name.upper()}")) for name in Settings.model_fields)
    return {name: value for name, value in variables if value}


def _file_of_environment() -> Path | None:
    name = os.environ.get(FILE_VARIABLE)
    return Path(name) if name else None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error
    except ValueError as error:
        raise SettingsError([f"{file}: is not TOML: {error}"]) from error


def _mistake(found: ErrorDetails, sources: Mapping[str, Mapping[str, Any]], file: Path | None) -> str:
    if not found["loc"]:
        return found["msg"].removeprefix("Value error, ")
    name = str(found["loc"][0])
    where = _name_at_source(name, sources, file)
    if found["type"] == "extra_forbidden":
        return f"{where}: there is no such setting"
    told = "" if name in SECRET else f", not {found['input']!r}"
    reason = found["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{where}: {reason}{told}"


def _name_at_source(name: str, sources: Mapping[str, Mapping[str, Any]], file: Path | None) -> str:
    if name in sources["option"]:
        return f"--{name.replace('_', '-')}"
    if name in sources["environment"]:
        return f"{PREFIX}{name.upper()}"
    return f"{name} in {file}"
