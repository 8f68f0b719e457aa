"""The two report fonts, from their packages: Inter for text, JetBrains Mono for facts."""

from importlib.resources import files
from pathlib import Path


def font_folders() -> list[Path]:
    """The folders that hold the report fonts; nothing else is offered to the typesetter."""
    return [_folder("fontpkg_inter"), _folder("fontpkg_jetbrains_mono")]


def text_font_file() -> Path:
    """The upright text font: what it cannot draw, the report cannot print."""
    return next(_folder("fontpkg_inter").glob("Inter[[]*.ttf"))


def _folder(package: str) -> Path:
    return Path(str(files(package))) / "files"
