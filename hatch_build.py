"""
What a build adds to the metadata: the README for the page on PyPI, which has no files beside it, and the addresses.

Both follow from the one address that is set in pyproject.toml. While it is empty, links stay as they are.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: The target of a Markdown link that is no address and no heading of the same text.
RELATIVE_LINK = re.compile(r"(?<=\]\()(?!#|[a-z][a-z0-9+.-]*:)[^)\s]+")
_PICTURES = (".gif", ".jpg", ".png", ".svg", ".webp")


class MetadataHook(MetadataHookInterface):
    """Fills in ``project.readme`` and ``project.urls``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """
        Called by the build backend.

        :param metadata: the table ``project`` of pyproject.toml, with the version.
        """
        readme = (Path(self.root) / "README.md").read_text("utf-8")
        repository = self.config["repository"]
        metadata["urls"] = {}
        if repository:
            tag = f"v{metadata['version']}"
            readme = with_absolute_links(readme, repository, tag)
            metadata["urls"] = {
                "Repository": repository,
                "Documentation": f"{repository}/blob/{tag}/README.md#read-on",
                "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}


def with_absolute_links(text: str, repository: str, tag: str) -> str:
    """
    A text whose links to files of the repository lead to them as they were at a release.

    :param text: Markdown whose links are relative to the root of the repository.
    :param repository: the repository's address on GitHub.
    :param tag: the release's tag.
    """

    def absolute(link: re.Match[str]) -> str:
        is_picture = PurePosixPath(link[0]).suffix in _PICTURES
        return f"{repository}/{'raw' if is_picture else 'blob'}/{tag}/{link[0]}"

    return RELATIVE_LINK.sub(absolute, text)
