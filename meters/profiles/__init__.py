"""Meter models, one YAML file each, and the loader that finds them by name: here, and in the operator's own folder."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path

from meters.profile import Board, Profile
from meters.profile_files import look, read
from prepaid.domain.errors import Refused

_SUFFIX = ".yaml"
BLUEPRINT = "_blueprint"
MOST_FILES = 1000


class _Folders:
    """Where profiles are looked for. The operator's own folder is set once, when the program starts."""

    own: Path | None = None


def look_also_in(folder: Path | None) -> None:
    """The operator's own models. Raises `Refused` when there is no such folder."""
    if folder is not None and not folder.is_dir():
        raise Refused("refused.profile_folder", path=str(folder))
    _Folders.own = folder
    _load.cache_clear()
    _kinds.cache_clear()


def profile_names() -> tuple[str, ...]:
    """Every meter model that can be used: templates and boards are not among them."""
    return tuple(name for name, kind in _kinds().items() if kind == "meter")


def board_names() -> tuple[str, ...]:
    """Every relay board."""
    return tuple(name for name, kind in _kinds().items() if kind == "relay_board")


def template_names() -> tuple[str, ...]:
    """Models whose registers nobody has published: they wait for the meter's manual."""
    return tuple(name for name, kind in _kinds().items() if kind == "template")


def wrong_names() -> tuple[str, ...]:
    """Files that are not sound: nothing that names them is read or switched."""
    return tuple(name for name, kind in _kinds().items() if kind == "wrong")


def load_profile(name: str) -> Profile:
    """The meter model of that name. Raises `Refused` when there is none, it is a template or its file is not sound."""
    device = _load(name)
    if not isinstance(device, Profile):
        raise Refused("refused.profile_no_meter", profile=name)
    return device


def load_board(name: str) -> Board:
    """The relay board of that name. Raises `Refused` like `load_profile`."""
    device = _load(name)
    if not isinstance(device, Board):
        raise Refused("refused.profile_no_board", profile=name)
    return device


def profile_text(name: str) -> str:
    """The file of that name as it stands. Raises `Refused` when there is none, or two."""
    here = [file for file, _ in _files() if file == name]
    if not here:
        raise Refused("refused.profile_unknown", profile=name)
    if len(here) > 1:
        raise Refused("refused.profile_twice", profile=name)
    shipped = resources.files(__name__).joinpath(name + _SUFFIX)
    own = _Folders.own / (name + _SUFFIX) if _Folders.own is not None else None
    try:
        if own is not None and own.is_file():
            return own.read_text(encoding="utf-8")
        return shipped.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("refused.file_unreadable", path=name + _SUFFIX) from error


def parse_profile(text: str, *, name: str) -> Profile:
    """Reads a meter's profile from YAML. Raises `Refused` with where it is wrong."""
    device = read(text, name=name)
    if not isinstance(device, Profile):
        raise Refused("refused.profile_no_meter", profile=name)
    return device


@lru_cache(maxsize=256)
def _load(name: str) -> Profile | Board:
    return read(profile_text(name), name=name)


@lru_cache(maxsize=1)
def _kinds() -> dict[str, str]:
    """Every file by name, and what it holds."""
    return {name: _kind(name) for name, _ in sorted(_files())}


def _kind(name: str) -> str:
    try:
        looked = look(profile_text(name), name=name)
    except Refused:
        return "wrong"
    if looked.template:
        return "template"
    return looked.device.kind if looked.device is not None else "wrong"


def _files() -> Iterator[tuple[str, bool]]:
    """Names of files, and whether they are the operator's. What begins with an underscore is there to be copied."""
    folders = [(entry.name for entry in resources.files(__name__).iterdir())]
    if _Folders.own is not None:
        folders.append(entry.name for entry in list(_Folders.own.iterdir())[:MOST_FILES])
    for own, names in enumerate(folders):
        for name in names:
            if name.endswith(_SUFFIX) and not name.startswith("_"):
                yield name.removesuffix(_SUFFIX), bool(own)
