"""The container files hold their promises as far as that can be seen without a container engine."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house import ROOT

DOCKERFILE = ROOT / "docker" / "Dockerfile"
COMPOSE = ROOT / "docker" / "compose.yaml"
TOOLS = Path(sys.executable).parent


def _run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(TOOLS / tool), *(str(argument) for argument in arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def _compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return loaded


def _services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = _compose()["services"]
    return services


def _stages() -> list[str]:
    return re.split(r"(?m)^FROM ", DOCKERFILE.read_text(encoding="utf-8"))[1:]


def test_the_dockerfile_has_no_finding() -> None:
    """hadolint, with all its rules, finds nothing."""
    result = _run("hadolint", DOCKERFILE)
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr


def test_a_bad_dockerfile_would_be_noticed(tmp_path: Path) -> None:
    """The check itself bites: hadolint is really run."""
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian:latest\nRUN cd / && sudo true\n", encoding="utf-8")
    assert _run("hadolint", bad).returncode != 0


def test_the_composition_matches_the_specification() -> None:
    """compose.yaml is valid by the Compose specification's own schema, asked offline."""
    result = _run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_image_ends_unprivileged_and_watches_itself() -> None:
    """The last stage runs as a numbered user that is not root, with a health check."""
    last = _stages()[-1]
    assert re.search(r"(?m)^USER [1-9]\d*:[1-9]\d*$", last)
    assert "HEALTHCHECK" in last
    assert 'ENTRYPOINT ["chatwatt"]' in last


def test_the_image_holds_every_package_and_no_embedded_store() -> None:
    """What the wheel names is copied, and the GPL server is not installed (ADR 0004)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    text = DOCKERFILE.read_text(encoding="utf-8")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [name for name in packages if f"\nCOPY {name} {name}\n" not in text] == []
    assert [name for name in packages if f"!{name}" not in ignored] == []
    assert "[embedded]" not in text
    assert "pip install .\n" in text


@pytest.mark.parametrize("name", ["web", "worker", "scheduler", "mongo", "valkey"])
def test_every_service_is_held_tight(name: str) -> None:
    """Read-only root, no new privileges, no capabilities, not root, and back after a crash."""
    service = _services()[name]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert service["restart"] == "unless-stopped"
    assert service["user"] not in {"root", "0", "0:0"}


def test_the_parts_wait_for_stores_that_answer() -> None:
    """web, worker and scheduler start when the replica set has a primary and Valkey answers."""
    services = _services()
    for name in ("web", "worker", "scheduler"):
        waits = services[name]["depends_on"]
        assert {store: rule["condition"] for store, rule in waits.items()} == {
            "mongo": "service_healthy",
            "valkey": "service_healthy",
        }
    assert "isWritablePrimary" in services["mongo"]["healthcheck"]["test"][-1]
    assert services["valkey"]["healthcheck"]["test"] == ["CMD", "valkey-cli", "ping"]


def test_the_stores_cannot_be_reached_from_outside() -> None:
    """The stores publish no port and live on an internal network; the web part listens on this machine only."""
    composition = _compose()
    assert composition["networks"]["stores"]["internal"] is True
    for name in ("mongo", "valkey"):
        assert "ports" not in composition["services"][name]
        assert composition["services"][name]["networks"] == ["stores"]
    assert all(port.startswith("127.0.0.1:") for port in composition["services"]["web"]["ports"])


def test_no_secret_stands_in_the_files() -> None:
    """Secrets come from a file that git and the builder ignore; neither the example nor the composition holds one."""
    example = (ROOT / "docker" / "env.example").read_text(encoding="utf-8")
    secret = re.compile(r"(?m)^\w*(?:TOKEN|SECRET|KEY|PASSWORD)\w*=(.+)$")
    assert secret.findall(example) == []
    for name in ("web", "worker", "scheduler"):
        service = _services()[name]
        assert service["env_file"] == [".env"]
        assert not [key for key in service["environment"] if re.search("TOKEN|SECRET|KEY|PASSWORD", key)]
