"""What became of the rows of an upload, counted, and how that is said while more of them are to come."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Tally:
    """
    What became of the rows that can be sent, counted. No number in it is guessed.

    :param uploaded: how many this try added, as Instantly's answers say.
    :param already_there: how many were in the campaign or list before.
    :param found: how many were there after an answer that was lost or does not add up: added by it, or there before.
    :param skipped: how many were left out because of ``skip_if_in``.
    :param refused: how many Instantly did not take.
    :param remaining_in_plan: how many more leads the plan has room for, or None where that is not known.
    """

    uploaded: int = 0
    already_there: int = 0
    found: int = 0
    skipped: int = 0
    refused: int = 0
    remaining_in_plan: int | None = None

    def __add__(self, later: Tally) -> Tally:
        """
        The same with what became of more rows.

        :param later: the tally of these, which knows best how much room the plan has left.
        """
        return Tally(
            uploaded=self.uploaded + later.uploaded,
            already_there=self.already_there + later.already_there,
            found=self.found + later.found,
            skipped=self.skipped + later.skipped,
            refused=self.refused + later.refused,
            remaining_in_plan=self.remaining_in_plan if later.remaining_in_plan is None else later.remaining_in_plan,
        )

    @property
    def present(self) -> int:
        """How many of the rows are in the campaign or list."""
        return self.uploaded + self.already_there + self.found

    def as_dict(self) -> dict[str, int | None]:
        """The counts, for an XCom."""
        return {**asdict(self), "present": self.present}

    def so_far(self, total: int, noun: str) -> tuple[str, ...]:
        """
        What became of the rows until now, as sentences for an upload that ends early.

        :param total: how many rows there are.
        :param noun: where they go.
        """
        found = f" for certain, and {self.found:,} by it or before it" if self.found else ""
        return (
            f"Of {total:,} rows, {self.present:,} are certainly in {noun}: {self.uploaded:,} were added by this "
            f"try{found}.",
            "Another try reads who is there, and sends only what is missing.",
        )
