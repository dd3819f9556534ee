"""Meter models, one YAML file each, and the loader that finds them by name."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

import yaml
from pydantic import ValidationError

from meters.profile import Profile
from prepaid.domain.errors import Refused

_SUFFIX = ".yaml"


def profile_names() -> tuple[str, ...]:
    """Every model that there is a file for."""
    files = (entry.name for entry in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in files if name.endswith(_SUFFIX)))


@lru_cache(maxsize=64)
def load_profile(name: str) -> Profile:
    """The model of that name. Raises `Refused` when there is none or its file is not sound."""
    if name not in profile_names():
        raise Refused("refused.profile_unknown", profile=name)
    text = resources.files(__name__).joinpath(name + _SUFFIX).read_text(encoding="utf-8")
    return parse_profile(text, name=name)


def parse_profile(text: str, *, name: str) -> Profile:
    """Reads a profile from YAML. Raises `Refused` with what is wrong and where."""
    try:
        profile = Profile.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as wrong:
        raise Refused("refused.profile_wrong", profile=name, why=str(wrong)) from wrong
    if profile.name != name:
        raise Refused("refused.profile_wrong", profile=name, why=f"the file calls itself {profile.name}")
    return profile
