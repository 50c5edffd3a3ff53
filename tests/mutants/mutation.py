"""The mutants of a module: what Cosmic Ray's operators make of its source, where that changes what runs."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

if TYPE_CHECKING:
    from collections.abc import Iterator


#: Of the operators that put one sign in the place of another: a neighbour, or the opposite. What notices these notices
#: the others, too.
_SIGNS = {
    "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div", "Mod_Mul", "Pow_Mul",
    "BitOr_BitAnd", "BitAnd_BitOr", "LShift_RShift", "RShift_LShift",
    "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_GtE", "LtE_Gt", "Gt_LtE", "GtE_Lt",
    "Is_IsNot", "IsNot_Is", "USub_UAdd", "Delete_Not",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """
    A module with one change.

    :param line: where, counted from 1.
    :param was: the lines as they are.
    :param becomes: the lines as they were changed.
    :param source: the whole module.
    """

    line: int
    was: str
    becomes: str
    source: str


def mutants_of(source: str) -> Iterator[Mutant]:
    """
    Yield each mutant once, in the order of the source.

    :param source: a module.
    """
    known = {_what_runs(source)}
    found: list[Mutant] = []
    for changed in _changed_sources(source):
        try:
            runs = _what_runs(changed)
        except SyntaxError:
            continue
        if runs not in known:
            known.add(runs)
            found.append(_mutant(source, changed))
    yield from sorted(found, key=lambda mutant: mutant.line)


def _changed_sources(source: str) -> Iterator[str]:
    nodes = list(ast_nodes(get_ast(source)))
    for name in operator_names():
        kind = get_operator(name)
        if kind.arguments() or ("Operator_" in name and name.partition("Operator_")[2] not in _SIGNS):
            continue  # the former ask for names to replace
        occurrences = sum(1 for node in nodes for _ in kind().mutation_positions(node))
        for occurrence in range(occurrences):
            changed = mutate_code(source, kind(), occurrence)
            if changed is not None:
                yield changed


def _what_runs(source: str) -> str:
    """The syntax tree without what only readers and type checkers see: annotations, docstrings, marks in signatures."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            node.defaults = [*node.defaults, *(default for default in node.kw_defaults if default is not None)]
            node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
        if isinstance(node, ast.AnnAssign | ast.arg):
            node.annotation = ast.Constant(None)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = None
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.test, node.body = ast.Constant(False), [ast.Pass()]
    return ast.dump(tree)


def _mutant(source: str, changed: str) -> Mutant:
    before, after = source.splitlines(), changed.splitlines()
    was: list[str] = []
    becomes: list[str] = []
    lines: list[int] = []
    for kind, from_line, to_line, other_from, other_to in difflib.SequenceMatcher(None, before, after).get_opcodes():
        if kind != "equal":
            lines.append(from_line + 1)
            was += before[from_line:to_line]
            becomes += after[other_from:other_to]
    return Mutant(lines[0], _text(was), _text(becomes), changed)


def _text(lines: list[str]) -> str:
    return "\n".join(line.strip() for line in lines)
