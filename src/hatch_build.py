"""Build hook of the library: the template's links become files, in the source archive and in the wheel alike.

The wheel has the changelog too.

hatchling copies a link as it is (1.27 to 1.33), and in a source archive its target is missing. See ``slipway/template``.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplateFiles(BuildHookInterface):  # type: ignore[type-arg]
    """Replace each link in the template by the file it names."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files to what is built; an editable install keeps the links."""
        root = Path(self.root)
        if version != "editable":
            links = (path for path in (root / "slipway" / "template").rglob("*") if path.is_symlink())
            build_data["force_include"].update({str(link.resolve()): str(link.relative_to(root)) for link in links})
            if self.target_name == "wheel" and (root / "CHANGELOG.md").is_file():
                build_data["force_include"][str(root / "CHANGELOG.md")] = (
                    "slipway/CHANGELOG.md"  # `slipway upgrade` reads it
                )
