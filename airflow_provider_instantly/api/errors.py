"""
What can go wrong between us and Instantly, as types that know what they mean for a retry.

No error here carries the API key: not in its message, not in its fields, not in its ``repr``.

The tree, and what each type means: *passes*, the same read may succeed later by itself; *all*, it concerns the way to
Instantly, so no other request would fare better now; *no effect*, a change that was requested was certainly not made.
::

                                                passes  all  no effect
    InstantlyError                                -      -       -
    ├── InstantlyConfigurationError               -     yes     yes
    ├── ConnectionLookupError                    yes    yes     yes
    └── InstantlyRequestError                     -      -       -
        ├── InstantlyAuthenticationError          -      -      yes    401
        ├── InstantlyPaymentRequiredError         -      -      yes    402
        ├── InstantlyPermissionError              -      -      yes    403
        ├── CampaignNotFoundError                 -      -      yes    404, and 400 about a campaign
        ├── InstantlyNotFoundError                -      -      yes    404 about anything else
        ├── InstantlyBadRequestError              -      -      yes    any other of `REFUSALS`
        ├── InstantlyRateLimitError              yes    yes     yes    429
        ├── InstantlyServerError                 yes     -       -     5xx, and any other 4xx
        ├── InstantlyConnectionError             yes    yes      *     no answer
        ├── InstantlyUnexpectedAnswerError       yes     -       *     an answer that is not the API's
        ├── AnswerTooLargeError                  yes     -       -     2xx, more than is read
        ├── OutdatedReadError                    yes     -      yes    a change that was not sent: its read was too old
        └── AmbiguousOutcomeError                 -      -       -     a change whose answer was lost

    * Each instance knows: whether nothing was sent; whether the status alone is a refusal.
"""

from __future__ import annotations

from typing import ClassVar, Final, TypedDict, Unpack

#: The statuses of 4xx that HTTP knows (IANA's registry), but for 408: with these a request is refused and not carried
#: out. Any other is a gateway's own, such as 499 and 460 for a client that hung up, and the request may have passed it.
REFUSALS: Final = frozenset({*range(400, 408), *range(409, 418), *range(421, 427), 428, 429, 431, 451})

#: What to do about what a user can do nothing about.
ASK_INSTANTLY: Final = "If it goes on, ask Instantly."


class InstantlyError(Exception):
    """Base of every error that this package raises about Instantly's API."""

    #: Whether the same read may succeed later without anything being done about it.
    may_pass: ClassVar[bool] = False
    #: Whether it concerns the way to Instantly, so that to ask for anything else now would only make it worse.
    concerns_all: ClassVar[bool] = False
    #: Whether a change that was requested has certainly not been made.
    proves_no_effect: bool = False
    #: Whether the same request on a new connection may succeed at once.
    on_stale_connection: bool = False
    #: Whether the key that was refused has been replaced since, and the request was not sent with the new one.
    key_was_replaced: bool = False

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it says, in parts that are lines of a log: what happened, what became of the campaign, why."""
        return tuple(map(str, self.args))

    def __str__(self) -> str:
        return " ".join(self.sentences)


class InstantlyConfigurationError(InstantlyError):
    """The connection cannot be used as it is. The message says what to set; nothing was sent."""

    concerns_all = True
    proves_no_effect = True


class ConnectionLookupError(InstantlyError):
    """Airflow could not look the connection up right now. Nothing was sent; it may pass."""

    may_pass = True
    concerns_all = True
    proves_no_effect = True


class _Coordinates(TypedDict, total=False):
    """The other parameters of `InstantlyRequestError`, which describes them."""

    advice: str
    method: str
    path: str
    status: int | None
    server_message: str
    excerpt: str


class InstantlyRequestError(InstantlyError):
    """
    A request was made, or tried, and did not give what it should.

    :param message: what happened, without the request's coordinates.
    :param advice: what to do next, or an empty string.
    :param method: the HTTP method.
    :param path: the path, without the host and without the query.
    :param status: the HTTP status of the answer, or None where there was none.
    :param server_message: Instantly's own ``message``, made safe for a log, or an empty string.
    :param excerpt: the beginning of the answer's body, made safe for a log, or an empty string.
    """

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        method: str = "",
        path: str = "",
        status: int | None = None,
        server_message: str = "",
        excerpt: str = "",
    ) -> None:
        super().__init__(_joined(message, advice))
        #: What happened, as a sentence.
        self.what = message
        self.advice = advice
        #: What became of the campaign, in a sentence, where the sender of the request knows it.
        self.outcome = ""
        self.method = method
        self.path = path
        self.status = status
        self.server_message = server_message
        self.excerpt = excerpt

    @property
    def message(self) -> str:
        """What happened and what to do next, without the request's coordinates."""
        return _joined(self.what, self.advice)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it says without its coordinates, in parts that are lines of a log."""
        said = self.server_message or self.excerpt
        parts = (self.what, self.outcome, self.advice, f"Instantly answered: {said}" if said else "")
        return tuple(filter(None, parts))

    def __str__(self) -> str:
        answered = "no answer" if self.status is None else f"HTTP {self.status}"
        said = self.server_message or self.excerpt
        message = _joined(self.what, self.outcome, self.advice)
        return f"{message} [{self.method} {self.path}: {answered}{f'; {said}' if said else ''}]"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive Exception's own pickling, and executors pickle exceptions.
        return _rebuild, (type(self), self.message), self.__dict__


class InstantlyAuthenticationError(InstantlyRequestError):
    """401: the API key is missing, wrong, revoked, or one of API V1."""

    proves_no_effect = True


class InstantlyPaymentRequiredError(InstantlyRequestError):
    """402: the workspace has no active paid plan."""

    proves_no_effect = True


class InstantlyPermissionError(InstantlyRequestError):
    """403: the key lacks a scope, or Instantly's edge refused the client."""

    proves_no_effect = True


class CampaignNotFoundError(InstantlyRequestError):
    """404, or the 400 that Instantly answers on a campaign's path: there is no such campaign in the workspace."""

    proves_no_effect = True


class InstantlyNotFoundError(InstantlyRequestError):
    """404 about anything but a campaign: Instantly knows no such thing."""

    proves_no_effect = True


class InstantlyBadRequestError(InstantlyRequestError):
    """Any other of `REFUSALS`: Instantly refused the request as it was made."""

    proves_no_effect = True


class InstantlyRateLimitError(InstantlyRequestError):
    """
    429: the workspace's rate limit is used up.

    :param message: see `InstantlyRequestError`, as all others.
    :param retry_after: seconds that the server asked us to wait, or None where it said nothing usable.
    """

    may_pass = True
    concerns_all = True
    proves_no_effect = True

    def __init__(self, message: str, *, retry_after: float | None = None, **coordinates: Unpack[_Coordinates]) -> None:
        super().__init__(message, **coordinates)
        self.retry_after = retry_after


class InstantlyServerError(InstantlyRequestError):
    """5xx, 408, or a 4xx that HTTP does not know: Instantly, or something in front of it, failed."""

    may_pass = True


class InstantlyConnectionError(InstantlyRequestError):
    """
    No answer came: refused, reset, timed out, a name that does not resolve, TLS that does not verify.

    :param message: see `InstantlyRequestError`, as all others.
    :param never_sent: whether the request certainly did not reach Instantly, so that it may be repeated.
    :param on_stale_connection: whether a kept connection was closed before any byte of an answer came: the server keeps
        idle ones for a shorter time, most likely, and the same request on a new one may succeed at once.
    """

    may_pass = True
    concerns_all = True

    def __init__(
        self,
        message: str,
        *,
        never_sent: bool = False,
        on_stale_connection: bool = False,
        **coordinates: Unpack[_Coordinates],
    ) -> None:
        super().__init__(message, **coordinates)
        self.never_sent = never_sent
        self.on_stale_connection = on_stale_connection
        self.proves_no_effect = never_sent


class InstantlyUnexpectedAnswerError(InstantlyRequestError):
    """An answer that is not the API's: HTML, truncated JSON, wrong types, another campaign, a redirect."""

    may_pass = True

    def __init__(self, message: str, **coordinates: Unpack[_Coordinates]) -> None:
        super().__init__(message, **coordinates)
        # A refusal is one whatever came with it.
        self.proves_no_effect = self.status in REFUSALS


class AnswerTooLargeError(InstantlyRequestError):
    """2xx with more bytes than are read: not the API's answer, or a page of campaigns with very long e-mails."""

    may_pass = True


class OutdatedReadError(InstantlyRequestError):
    """A change was not sent: when it was about to leave, the read that it rests on was too long ago."""

    may_pass = True
    proves_no_effect = True


class AmbiguousOutcomeError(InstantlyRequestError):
    """
    A change was requested, and it is not known whether it took effect. Never repeat it blindly: read first.

    ``__cause__`` is the error that made it ambiguous.
    """


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _rebuild(cls: type[InstantlyRequestError], message: str) -> InstantlyRequestError:
    return cls(message)
