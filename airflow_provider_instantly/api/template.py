"""
What Instantly puts into an e-mail: variables, fallbacks, spintax and Liquid, found in a subject or a body.

``{{firstName}}`` is a variable, ``{{firstName | there}}`` one with a fallback, ``{{RANDOM | Hi | Hello}}`` is spintax,
``{% if … %}`` is Liquid. The link to unsubscribe stands in single braces. Each text is read once, from left to right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from airflow_provider_instantly.api.parsing import unescaped

#: No name of a variable is longer; what is longer was closed far too late.
_MAX_NAME_CHARS: Final = 100
#: So much of an expression is read. To read all of each would take hours where there are many within each other.
_READ_CHARS: Final = 1_000

_MARK = re.compile(r"\{\{|\}\}|\{%|%\}")
_TAG = re.compile(r"-?\s*(\w+)\s*(\w*)")
_BLOCKS: Final = frozenset({"if", "unless", "case", "for", "capture", "comment", "raw", "tablerow"})
#: Those within which a variable stands only under a condition.
_CONDITIONS: Final = frozenset({"if", "unless", "case", "comment"})
#: What follows a bar and is no fallback. Liquid's ``default`` is one.
_FILTER = re.compile(
    r"(?:(?:capitalize|downcase|upcase|escape|lstrip|rstrip|strip|strip_html|size)\s*$"
    r"|(?:append|date|first|join|last|prepend|remove|replace|split|truncate|truncatewords)\s*:)"
)
_LITERAL = re.compile(r"[\"'\u2018\u201c]|[0-9.]+$")
_SINGLE_BRACES = re.compile(r"(?<!\{)\{([A-Za-z_][\w-]{0,99})\}(?!\})")
_CODE_BEGIN = re.compile(r"<!--|<(style|script)\b", re.IGNORECASE)
_CODE_ENDS: Final = {
    word: re.compile(pattern, re.IGNORECASE)
    for word, pattern in (("", "-->"), ("style", "</style[^<>]*>?"), ("script", "</script[^<>]*>?"))
}
_ELEMENT = re.compile(r"<[^<>]*>")


@dataclass(frozen=True)
class Variable:
    """
    One use of a variable.

    :param name: its name, exactly as it is written.
    :param has_fallback: whether a text stands behind a bar, for leads that have no value.
    :param is_conditional: whether it stands within a Liquid condition or within another expression.
    :param is_tight: whether the bar has no blanks around it, which is said to fail.
    """

    name: str
    has_fallback: bool = False
    is_conditional: bool = False
    is_tight: bool = False


@dataclass(frozen=True)
class Template:
    """
    What a text is made of.

    :param variables: the uses of variables, in their order.
    :param faults: what is broken, as clauses for a sentence, in their order.
    :param single_braces: what stands in single braces, as a variable would in double ones.
    """

    variables: tuple[Variable, ...] = ()
    faults: tuple[str, ...] = ()
    single_braces: tuple[str, ...] = ()


def without_code(markup: str) -> str:
    """
    Return HTML without comments, styles and scripts, whose braces are no variables.

    :param markup: the body of an e-mail.
    """
    kept: list[str] = []
    place = 0
    while begin := _CODE_BEGIN.search(markup, place):
        kept.append(markup[place : begin.start()])
        end = _CODE_ENDS[(begin[1] or "").lower()].search(markup, begin.end())
        if end is None:
            return "".join(kept)
        place = end.end()
    return "".join([*kept, markup[place:]])


def visible_text(markup: str) -> str:
    """
    Return what a reader sees of HTML, on one line.

    :param markup: the body of an e-mail, or its subject.
    """
    return " ".join(unescaped(_ELEMENT.sub(" ", without_code(markup))).split())


def parse_template(markup: str) -> Template:
    """
    Find the variables of a subject or a body, and what is broken.

    :param markup: the text as the campaign has it.
    """
    text = unescaped(without_code(markup))
    reading = _Reading(text)
    for mark in _MARK.finditer(text):
        reading.take(mark[0], mark.start(), mark.end())
    return reading.ended()


@dataclass
class _Reading:
    """A text that is read from mark to mark."""

    text: str
    variables: list[Variable] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)
    #: Where the contents of the expressions begin that are open.
    expressions: list[int] = field(default_factory=list)
    #: Where the contents of the tag begin that is open.
    tag: int | None = None
    #: The Liquid blocks that are open.
    blocks: list[str] = field(default_factory=list)

    def take(self, mark: str, begin: int, end: int) -> None:
        """Go on to the next mark."""
        if mark == "{{":
            self.expressions.append(end)
        elif mark == "}}":
            if self.expressions:
                self._expression(self.expressions.pop(), begin)
            else:
                self.faults.append("}} without {{")
        elif mark == "{%":
            if self.tag is not None:
                self.faults.append("{% without %}")
            self.tag = end
        elif self.tag is not None:
            self._tag(self.text[self.tag : begin])
            self.tag = None

    def ended(self) -> Template:
        """What was found."""
        if self.expressions:
            self.faults.append("{{ without }}")
        if self.tag is not None:
            self.faults.append("{% without %}")
        self.faults += [f"{{% {block} %}} without {{% end{block} %}}" for block in self.blocks]
        return Template(
            variables=tuple(variable for variable in self.variables if variable.name not in self.defined),
            faults=tuple(self.faults),
            single_braces=tuple(dict.fromkeys(_SINGLE_BRACES.findall(self.text))),
        )

    def _expression(self, begin: int, end: int) -> None:
        head, bar, rest = self.text[begin : min(end, begin + _READ_CHARS)].partition("|")
        name, alternative = head.strip(), rest.strip()
        if not name:
            self.faults.append("{{ }} without a name")
        elif name == "RANDOM" or _LITERAL.match(name):
            return
        elif len(name) > _MAX_NAME_CHARS or any(mark in name for mark in "<>{}\n"):
            self.faults.append("{{ and }} with more than a name between them")
        else:
            self.variables.append(
                Variable(
                    name,
                    has_fallback=bool(alternative) and not _FILTER.match(alternative),
                    is_conditional=bool(self.expressions) or not _CONDITIONS.isdisjoint(self.blocks),
                    is_tight=bool(bar) and not (head[-1:].isspace() and rest[:1].isspace()),
                )
            )

    def _tag(self, content: str) -> None:
        found = _TAG.match(content)
        if found is None:
            self.faults.append("{% %} without a word of Liquid")
            return
        word, name = found[1], found[2]
        if word in ("assign", "capture", "for", "increment", "decrement"):
            self.defined.add(name)
        if word in _BLOCKS:
            self.blocks.append(word)
        elif word.startswith("end"):
            if self.blocks and self.blocks[-1] == word.removeprefix("end"):
                self.blocks.pop()
            else:
                self.faults.append(f"{{% {word[:20]} %}} without its beginning")
