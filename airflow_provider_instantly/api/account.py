"""What Instantly says of sending accounts, their warm-up and their domains, parsed tolerantly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from airflow_provider_instantly.api.parsing import OpenIntEnum, count, flag, moment
from airflow_provider_instantly.api.redaction import storable_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

#: What a domain has to publish so that its e-mails are believed.
DOMAIN_CHECKS: Final = ("mx", "spf", "dkim", "dmarc")
#: From which warm-up score and after how many days Instantly itself takes an account for warm.
WARM_SCORE: Final = 80
WARM_DAYS: Final = 14
_BEST_SCORE: Final = 100


class AccountStatus(OpenIntEnum):
    """
    The status of a sending account.

    Source: the ``Account`` schema of the Instantly API V2.
    """

    ACTIVE = 1
    PAUSED = 2
    MAINTENANCE = 3
    CONNECTION_ERROR = -1
    SOFT_BOUNCE_ERROR = -2
    SENDING_ERROR = -3


class WarmupStatus(OpenIntEnum):
    """
    The status of an account's warm-up.

    Source: the ``Account`` schema of the Instantly API V2.
    """

    PAUSED = 0
    ACTIVE = 1
    BANNED = -1
    SPAM_FOLDER_UNKNOWN = -2
    PERMANENTLY_SUSPENDED = -3


@dataclass(frozen=True)
class Account:
    """
    One sending account, as the API described it at one moment.

    :param email: its address in lower case, or an empty string.
    :param status: its status, or None where the answer carries none that is a number.
    :param setup_pending: whether its set-up is not done; None is unknown.
    :param warmup_status: how its warm-up stands, or None.
    :param warmup_score: its warm-up score from 0 to 100, or None.
    :param daily_limit: how many e-mails it sends a day, or None.
    :param created_at: since when Instantly knows it, or None.
    :param warmup_started_at: since when it is warmed up, or None.
    :param tracking_domain: the domain for its links, or an empty string.
    :param tracking_domain_status: what Instantly says of that domain, or an empty string.
    :param tag_ids: the ids of its tags, where the answer has them.
    """

    email: str
    status: AccountStatus | None = None
    setup_pending: bool | None = None
    warmup_status: WarmupStatus | None = None
    warmup_score: int | None = None
    daily_limit: int | None = None
    created_at: datetime | None = None
    warmup_started_at: datetime | None = None
    tracking_domain: str = ""
    tracking_domain_status: str = ""
    tag_ids: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def from_api(cls, document: Mapping[str, Any]) -> Self:
        """
        Parse the API's JSON object. A key that is missing, null or of a wrong type counts as not there.

        :param document: the decoded JSON object of an account.
        """
        tags = document.get("tags")
        return cls(
            email=storable_text(document.get("email")).lower(),
            status=AccountStatus.from_api(document.get("status")),
            setup_pending=flag(document.get("setup_pending")),
            warmup_status=WarmupStatus.from_api(document.get("warmup_status")),
            warmup_score=_score(document.get("stat_warmup_score")),
            daily_limit=count(document.get("daily_limit")),
            created_at=moment(document.get("timestamp_created")),
            warmup_started_at=moment(document.get("timestamp_warmup_start")),
            tracking_domain=storable_text(document.get("tracking_domain_name")),
            tracking_domain_status=storable_text(document.get("tracking_domain_status")),
            tag_ids=frozenset(
                tag_id
                for tag in (tags if isinstance(tags, list) else ())
                if isinstance(tag, Mapping) and (tag_id := storable_text(tag.get("id")))
            ),
        )

    @property
    def domain(self) -> str:
        """What stands behind the @ of its address, or an empty string."""
        return domain_of(self.email) if "@" in self.email else ""

    @property
    def may_send(self) -> bool:
        """Whether it is Active and set up. A number that this release does not know does not speak against it."""
        if self.setup_pending or self.status is None:
            return False
        return self.status is AccountStatus.ACTIVE or not self.status.is_known

    @property
    def is_known_to_send(self) -> bool:
        """Whether it is known to be Active and set up: nothing of it is left out or of a later release."""
        return self.status is AccountStatus.ACTIVE and self.setup_pending is False


def domain_of(address: str) -> str:
    """
    What stands behind the @ of an address; all of it, where there is none.

    :param address: an e-mail address.
    """
    return address.rpartition("@")[2]


class WarmthSign(StrEnum):
    """What shows whether an account is warm."""

    SCORE = "score"
    WARM_UP = "warm-up"
    AGE = "age"


@dataclass(frozen=True)
class Warmth:
    """
    Whether an account is warm. It is where nothing shows that it is cold, and nothing is unknown.

    :param cold: what shows that it is cold.
    :param unknown: of what nothing is known.
    :param score: its warm-up score from 0 to 100, or None.
    """

    cold: tuple[WarmthSign, ...] = ()
    unknown: tuple[WarmthSign, ...] = ()
    score: int | None = None


def warmth_of(
    account: Account,
    scores: Mapping[str, int] | None,
    now: datetime,
    *,
    min_score: int = WARM_SCORE,
    min_days: int = WARM_DAYS,
) -> Warmth:
    """
    Judge whether an account is warm.

    :param account: the account.
    :param scores: the warm-up scores, by address, of accounts that show none themselves. One that is missing there is
        cold. None where they were not read.
    :param now: the time; aware.
    :param min_score: with a lower score, from 0 to 100, it is cold.
    :param min_days: with fewer days since its warm-up began, or since Instantly knows it, it is cold.
    """
    score, status = account.warmup_score, account.warmup_status
    if score is None and scores is not None:
        score = scores.get(account.email)
    since = account.warmup_started_at or account.created_at
    is_warm = {
        WarmthSign.SCORE: None if score is None and scores is None else score is not None and score >= min_score,
        WarmthSign.WARM_UP: None if status is None or not status.is_known else status is WarmupStatus.ACTIVE,
        WarmthSign.AGE: None if since is None else now - since >= timedelta(days=min_days),
    }
    return Warmth(
        cold=tuple(sign for sign, answer in is_warm.items() if answer is False),
        unknown=tuple(sign for sign, answer in is_warm.items() if answer is None),
        score=score,
    )


@dataclass(frozen=True)
class DomainVitals:
    """
    What a domain publishes. It is tested whether an account on it exists or not.

    :param domain: the domain, in lower case.
    :param failing: which of ``mx``, ``spf``, ``dkim``, ``dmarc`` it lacks.
    :param unknown: of which of these nothing is said.
    """

    domain: str
    failing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def domain_vitals(document: Mapping[str, Any]) -> dict[str, DomainVitals]:
    """
    Parse the answer of ``POST /accounts/test/vitals``, by domain. A check that is not there is unknown, and not
    failing. What is said of a domain twice fails if one of the two does.

    :param document: the decoded JSON object.
    """
    said: dict[str, dict[str, bool]] = {}
    for domain, entry in each_domain(document):
        before = said.setdefault(domain, {})
        before.update({check: before.get(check, True) and passes for check, passes in _checks(entry)})
    return {
        domain: DomainVitals(
            domain,
            failing=tuple(check for check in DOMAIN_CHECKS if checks.get(check) is False),
            unknown=tuple(check for check in DOMAIN_CHECKS if check not in checks),
        )
        for domain, checks in said.items()
        if checks
    }


def each_domain(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """
    The domains in the answer of ``POST /accounts/test/vitals``, each with what is said of it.

    They are in lower case, and without the dot that may end the name of a domain (RFC 1034, 3.1).

    :param document: the decoded JSON object.
    """
    for name in ("success_list", "failure_list"):
        entries = document.get(name)
        for entry in entries if isinstance(entries, list) else ():
            domain = storable_text(entry.get("domain")).lower().removesuffix(".") if isinstance(entry, Mapping) else ""
            if domain:
                yield domain, entry


def _checks(entry: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """The checks of which something is said, and whether each passes."""
    for check in DOMAIN_CHECKS:
        passes = flag(entry.get(check))
        if passes is not None or entry.get("allPass") is True:
            yield check, passes is not False


def warmup_scores(document: Mapping[str, Any]) -> dict[str, int]:
    """
    Parse the answer of ``POST /accounts/warmup-analytics``: the health score of each account that has one.

    An account that is missing never warmed up, or is not there.

    :param document: the decoded JSON object.
    """
    figures = document.get("aggregate_data")
    return {
        storable_text(email).lower(): score
        for email, entry in (figures.items() if isinstance(figures, Mapping) else ())
        if isinstance(entry, Mapping) and (score := _score(entry.get("health_score"))) is not None
    }


def _score(value: object) -> int | None:
    found = count(value)
    return found if found is not None and found <= _BEST_SCORE else None
