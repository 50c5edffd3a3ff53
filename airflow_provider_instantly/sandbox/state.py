"""One sandbox: everything it knows, put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_instantly.sandbox.accounts import Accounts
from airflow_provider_instantly.sandbox.analytics import Analytics
from airflow_provider_instantly.sandbox.auth import (
    DEFAULT_API_KEY,
    DEFAULT_KEY_NAME,
    DEFAULT_WORKSPACE,
    Key,
    Keys,
    Workspace,
    Workspaces,
)
from airflow_provider_instantly.sandbox.block_list import BlockList
from airflow_provider_instantly.sandbox.campaigns import Campaigns
from airflow_provider_instantly.sandbox.clock import Clock
from airflow_provider_instantly.sandbox.faults import Faults
from airflow_provider_instantly.sandbox.jobs import Jobs
from airflow_provider_instantly.sandbox.leads import Leads
from airflow_provider_instantly.sandbox.request_log import RequestLog
from airflow_provider_instantly.sandbox.sending import Sending
from airflow_provider_instantly.sandbox.settings import Settings, load_settings, save_settings
from airflow_provider_instantly.sandbox.store import open_store
from airflow_provider_instantly.sandbox.wire import Connections

if TYPE_CHECKING:
    from pathlib import Path
    from sqlite3 import Connection

    from airflow_provider_instantly.sandbox.limits import SlidingWindows


@dataclass
class Sandbox:
    """
    The parts of a running sandbox.

    :param api_key: the default key, which the console and the page show.
    :param windows: the rate limits' windows, by workspace.
    """

    store: Connection
    settings: Settings
    clock: Clock
    keys: Keys
    workspaces: Workspaces
    campaigns: Campaigns
    leads: Leads
    block_list: BlockList
    accounts: Accounts
    jobs: Jobs
    sending: Sending
    analytics: Analytics
    faults: Faults
    log: RequestLog
    connections: Connections
    api_key: str
    windows: dict[str, SlidingWindows] = field(default_factory=dict)

    def keep_settings(self) -> None:
        """Apply what was changed in the settings, and keep it."""
        self.clock.offset = self.settings.clock_offset
        if self.settings.clock_speed != self.clock.speed:
            self.clock.set_speed(self.settings.clock_speed)
            self.settings.clock_offset, self.settings.clock_anchor = self.clock.offset, self.clock.anchor
        save_settings(self.store, self.settings)

    def ensure_workspace(self, workspace_id: str) -> None:
        """Make a workspace known, if it is not."""
        if self.workspaces.get(workspace_id) is None:
            name = "Sandbox" if workspace_id == DEFAULT_WORKSPACE else f"Workspace {workspace_id[:8]}"
            self.workspaces.save(Workspace(workspace_id, name, paid=True, created_at=self.clock.now()))

    def ensure_default_key(self) -> None:
        """Make the default key valid, also if it was revoked."""
        self.ensure_workspace(DEFAULT_WORKSPACE)
        self.keys.add(self.api_key, Key(DEFAULT_KEY_NAME, DEFAULT_WORKSPACE, agency=True))

    def room(self, workspace: Workspace) -> int | None:
        """How many more leads the workspace's plan has room for, or None for any number."""
        if workspace.lead_limit is None:
            return None
        return max(0, workspace.lead_limit - self.leads.count(workspace.id))

    def close(self) -> None:
        """Write what is not written yet and close the database."""
        self.log.flush()
        self.store.commit()
        self.store.close()


def open_sandbox(database: Path | None = None, api_key: str = DEFAULT_API_KEY) -> Sandbox:
    """
    A sandbox, as its database left it.

    :param database: the database's file, or None for one in memory.
    :param api_key: the default key: it may do everything, on all workspaces.
    :raises StoreError: if the file cannot be used.
    """
    store = open_store(database)
    settings = load_settings(store)
    clock = Clock(settings.clock_offset, settings.clock_speed, settings.clock_anchor)
    campaigns, accounts = Campaigns(store, clock, settings), Accounts(store, clock)
    block_list = BlockList(store, clock)
    sandbox = Sandbox(
        store=store,
        settings=settings,
        clock=clock,
        keys=Keys(store),
        workspaces=Workspaces(store),
        campaigns=campaigns,
        leads=Leads(store, clock, settings, block_list),
        block_list=block_list,
        accounts=accounts,
        jobs=Jobs(store, clock),
        sending=Sending(store, clock, settings, campaigns, accounts),
        analytics=Analytics(store, clock, settings),
        faults=Faults(store),
        log=RequestLog(store),
        connections=Connections(),
        api_key=api_key,
    )
    sandbox.ensure_default_key()
    store.commit()
    return sandbox
