"""An environment for clients from npm, made from a lock without addresses; stands here because it needs Node.js."""

import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from order_pipelines_tests.environments import EnvironmentNotMadeError, node_modules_of

pytestmark = pytest.mark.timeout(300)


def put_toys(folder: Path, version: str) -> Path:
    """Write the pins of an environment with one package of our own making; return their folder."""
    pins = folder / "pins"
    (pins / "toys").mkdir(parents=True, exist_ok=True)
    package = io.BytesIO()
    with tarfile.open(fileobj=package, mode="w:gz") as archive:
        content = json.dumps({"name": "toy", "version": version}).encode()
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    (pins / "toys" / "toy.tgz").write_bytes(package.getvalue())
    integrity = f"sha512-{base64.b64encode(hashlib.sha512(package.getvalue()).digest()).decode()}"
    wanted = {"name": "toys", "version": "1.0.0", "dependencies": {"toy": "file:toy.tgz"}}
    locked = {"version": version, "resolved": "file:toy.tgz", "integrity": integrity}
    lock = {
        "name": "toys",
        "version": "1.0.0",
        "lockfileVersion": 3,
        "packages": {"": wanted, "node_modules/toy": locked},
    }
    (pins / "toys" / "package.json").write_text(json.dumps(wanted), encoding="utf-8")
    (pins / "toys" / "package-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    return pins


def test_a_client_from_npm_gets_an_environment_that_follows_its_lock(tmp_path: Path) -> None:
    made = tmp_path / "made"
    for version in ("1.0.0", "2.0.0"):
        modules = node_modules_of("toys", pins=put_toys(tmp_path, version), environments=made)
        assert modules == made / "toys" / "node_modules"
        assert (
            json.loads((modules / "toy" / "package.json").read_text(encoding="utf-8"))["version"] == version
        )


def test_a_package_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    pins = put_toys(tmp_path, "1.0.0")
    lock = pins / "toys" / "package-lock.json"
    right = json.loads(lock.read_text(encoding="utf-8"))
    right["packages"]["node_modules/toy"]["integrity"] = f"sha512-{base64.b64encode(b'0' * 64).decode()}"
    lock.write_text(json.dumps(right), encoding="utf-8")
    with pytest.raises(
        EnvironmentNotMadeError, match="the environment toys could not be made: npm ended with 1"
    ):
        node_modules_of("toys", pins=pins, environments=tmp_path / "made")
    assert not (tmp_path / "made" / "toys" / "node_modules" / "toy").exists()
