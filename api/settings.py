"""The settings: one frozen object, read from the environment in one place."""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator sets, each as `CTNH_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="CTNH_", frozen=True, extra="ignore")

    database_url: str = Field("var/ctnh.db", description="the database: a URL, or the path of a SQLite file")
    data_dir: Path = Field(
        Path("var/data"), description="folder of keys and the small certificate authority; back it up apart"
    )
    origin: str = Field(
        "ctnh-ledger.example/ha-noi", description="the log's name, fixed for ever when it is opened"
    )
    operator: str = Field("Đơn vị vận hành sổ cái", description="the operator's name in the first entry")
    public_url: str = Field(
        "http://127.0.0.1:8307", description="address that QR codes and links on documents point at"
    )
    host: str = Field("127.0.0.1", description="address that the server listens on")
    port: int = Field(8307, ge=1, le=65535, description="port that the server listens on")
    lang: Literal["vi", "en"] = Field("vi", description="language of the command line's messages")
    session_hours: int = Field(12, ge=1, le=720, description="how long a login lasts, in hours")
    max_body_bytes: int = Field(
        2 * 1024 * 1024, ge=65_536, description="largest request body; a larger one is refused unread"
    )
    tsa_url: str = Field(
        "", description="address of a time-stamping authority (RFC 3161) that anchors checkpoints; empty: off"
    )
    tsa_roots: str = Field(
        "", description="file (PEM) with the root certificates of that authority; they go into the trust file"
    )
    guard: str = Field(
        "",
        description="path of the guard's journal, best on another disk or host; leave it out of backups;"
        " empty: guard.journal in the data folder",
    )
    vault_keys: str = Field(
        "",
        description="folder of the keys under which personal values are sealed, best on another disk; leave"
        " it out of the database's backups; empty: vault-keys in the data folder",
    )
    witness_policy: str = Field(
        "",
        description="file with the policy (C2SP tlog-policy) of witnesses that cosign; empty: none are asked",
    )
    heartbeat_s: int = Field(
        300, ge=10, description="age in seconds at which a checkpoint is signed anew though nothing is new"
    )
    log_public: Literal["hashes", "entries"] = Field(
        "hashes",
        description="what anyone may fetch below /log/: checkpoint and tiles (hashes), or the entries too",
    )
    master_passphrase: str = Field(
        "", description="passphrase for the keys in custody; empty: a random one is kept in the data folder"
    )


@cache
def settings() -> Settings:
    """Return the settings of this process."""
    return Settings()
