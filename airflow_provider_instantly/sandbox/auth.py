"""Who calls, and what the caller may do: keys, scopes and workspaces."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import string
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_instantly.sandbox.answers import RefusedError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator

DEFAULT_WORKSPACE = "0e5d1a0b-5a4d-4b0c-9f5e-000000000001"
DEFAULT_KEY_NAME = "default"
ALL_SCOPES = ("all:all",)
_SCOPE = re.compile(r"[a-z_-]+:(all|create|read|update|delete)")
_ALPHABET = string.ascii_letters + string.digits


def api_key(identity: uuid.UUID, secret: str) -> str:
    """
    A key of the form that the API V2 uses: base64 of ``uuid:secret``.

    :param identity: the first part.
    :param secret: the second part; twelve characters give the usual ``==`` at the end.
    """
    return base64.b64encode(f"{identity}:{secret}".encode()).decode()


def new_api_key() -> str:
    """A random key."""
    return api_key(uuid.uuid4(), "".join(secrets.choice(_ALPHABET) for _ in range(12)))


#: The same in every sandbox, so that a connection to it can be written down. It opens nothing but a sandbox.
DEFAULT_API_KEY = api_key(uuid.UUID(DEFAULT_WORKSPACE), "sandbox-only")


def is_api_key(text: str) -> bool:
    """Whether the text has the form of a key of the API V2."""
    try:
        identity, separator, secret = base64.b64decode(text, validate=True).decode().partition(":")
        uuid.UUID(identity)
    except ValueError:
        return False
    return bool(separator and secret)


def check_scopes(scopes: Collection[str]) -> tuple[str, ...]:
    """
    The scopes, if each of them is one.

    :raises ValueError: naming the first that is not.
    """
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise ValueError(f"{scope!r} is no scope. Write resource:verb, such as campaigns:read or all:all.")
    return tuple(scopes)


@dataclass(frozen=True)
class Key:
    """
    What is known of a key: everything but the key itself.

    :param name: what people call it; the log names it so.
    :param workspace: the workspace that it acts on.
    :param scopes: what it may do.
    :param agency: whether it may act on other workspaces, with the header ``x-as-workspace``.
    """

    name: str
    workspace: str
    scopes: tuple[str, ...] = ALL_SCOPES
    agency: bool = False

    def may(self, scope: str) -> bool:
        """
        Whether one of its scopes includes the given one.

        :param scope: such as ``campaigns:update``.
        """
        resource, _, verb = scope.partition(":")
        return not {scope, f"{resource}:all", f"all:{verb}", "all:all"}.isdisjoint(self.scopes)


class Keys:
    """The keys that are valid, known by their digests alone."""

    def __init__(self, store: sqlite3.Connection) -> None:
        self._store = store
        self._keys = {
            row["digest"]: Key(row["name"], row["workspace"], tuple(json.loads(row["scopes"])), bool(row["agency"]))
            for row in store.execute("SELECT * FROM keys")
        }

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys.values())

    def add(self, text: str, key: Key) -> None:
        """
        Make a key valid. One of the same name is replaced.

        :param text: the key itself.
        :param key: what it stands for.
        """
        self.revoke(key.name)
        digest = _digest(text)
        self._keys[digest] = key
        self._store.execute(
            "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?)",
            (digest, key.name, key.workspace, json.dumps(key.scopes), key.agency),
        )

    def revoke(self, name: str) -> bool:
        """Make a key invalid; False if there is none of that name."""
        found = [digest for digest, key in self._keys.items() if key.name == name]
        for digest in found:
            del self._keys[digest]
        self._store.execute("DELETE FROM keys WHERE name = ?", (name,))
        return bool(found)

    def caller(self, authorization: str | None) -> Key:
        """
        The key that the request carries.

        :param authorization: the header's value.
        :raises RefusedError: 401 if there is none, or it is not valid.
        """
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise RefusedError(401, "The Authorization header with a Bearer API key is missing")
        key = self._keys.get(_digest(text.strip()))
        if key is None:
            raise RefusedError(401, "The API key is not valid")
        return key


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Workspace:
    """
    One workspace.

    :param id: its UUID.
    :param name: its name.
    :param paid: whether its plan is paid; without one every request is answered with 402.
    :param created_at: seconds since the epoch.
    :param lead_limit: how many leads its plan stores, or None for any number.
    """

    id: str
    name: str
    paid: bool
    created_at: float
    lead_limit: int | None = None


class Workspaces:
    """The workspaces that the sandbox knows."""

    def __init__(self, store: sqlite3.Connection) -> None:
        self._store = store
        self._workspaces = {
            row["id"]: Workspace(row["id"], row["name"], bool(row["paid"]), row["created_at"], row["lead_limit"])
            for row in store.execute("SELECT * FROM workspaces")
        }

    def __iter__(self) -> Iterator[Workspace]:
        return iter(self._workspaces.values())

    def save(self, workspace: Workspace) -> None:
        """Add the workspace or replace the one of the same id."""
        self._workspaces[workspace.id] = workspace
        self._store.execute(
            "INSERT OR REPLACE INTO workspaces (id, name, paid, created_at, lead_limit) VALUES (?, ?, ?, ?, ?)",
            (workspace.id, workspace.name, workspace.paid, workspace.created_at, workspace.lead_limit),
        )

    def get(self, workspace_id: str) -> Workspace | None:
        """The workspace of that id, or None."""
        return self._workspaces.get(workspace_id)

    def acted_on(self, key: Key, as_workspace: str | None) -> Workspace:
        """
        The workspace that a request acts on.

        :param key: the caller's key.
        :param as_workspace: the value of the header ``x-as-workspace``, or None.
        :raises RefusedError: 403 if the key may not act on it, 402 if its plan is not paid.
        """
        workspace = self._workspaces.get(as_workspace.lower() if as_workspace else key.workspace)
        if workspace is None or (workspace.id != key.workspace and not key.agency):
            raise RefusedError(403, "The API key may not act on that workspace")
        if not workspace.paid:
            raise RefusedError(402, "The workspace has no active paid plan")
        return workspace
