"""Settings as files in one folder, as Docker and Kubernetes hand secrets over."""

import os
from pathlib import Path

import pytest

from agents.errors import InvalidSetting
from graphs.settings import read_settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TTA_SECRETS_DIR", str(tmp_path))
    return tmp_path


def test_each_setting_may_be_a_file(folder: Path) -> None:
    (folder / "tta_neo4j_password").write_text("walnut\n")
    (folder / "TTA_REDIS_URL").write_text("redis://:walnut@redis:6379/0")
    (folder / "tta_audit_key").write_text("k" * 32)
    settings = read_settings()
    assert settings.neo4j_password.get_secret_value() == "walnut"
    assert settings.redis_url
    assert settings.redis_url.get_secret_value() == "redis://:walnut@redis:6379/0"
    assert settings.audit_key


def test_the_environment_goes_first_where_it_is_not_empty(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tta_neo4j_password").write_text("walnut")
    monkeypatch.setenv("TTA_NEO4J_PASSWORD", "")
    assert read_settings().neo4j_password.get_secret_value() == "walnut"
    monkeypatch.setenv("TTA_NEO4J_PASSWORD", "hazel")
    assert read_settings().neo4j_password.get_secret_value() == "hazel"


def test_a_models_key_is_put_where_its_vendor_looks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "ANTHROPIC_API_KEY", "of the environment")
    monkeypatch.setitem(os.environ, "OPENAI_API_KEY", "")
    (folder / "openai_api_key").write_text("walnut\n")
    (folder / "anthropic_api_key").write_text("walnut")
    read_settings()
    named, environment = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"), "of the environment"
    assert [os.environ[name] for name in named] == ["walnut", environment]


def test_what_is_no_file_is_as_if_it_were_not_there(folder: Path) -> None:
    """Where compose.yml has no file for a secret it brings /dev/null."""
    (folder / "tta_neo4j_password").symlink_to("/dev/null")
    (folder / "tta_audit_key").mkdir()
    settings = read_settings()
    assert settings.neo4j_password.get_secret_value() == ""
    assert settings.audit_key is None


def test_a_fault_names_the_setting_or_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tta_audit_key").write_text("short")
    with pytest.raises(InvalidSetting, match="TTA_AUDIT_KEY: must have 32"):
        read_settings()
    (folder / "tta_audit_key").unlink()
    (folder / "openai_api_key").write_bytes(b"\xff")
    with pytest.raises(InvalidSetting, match="TTA_SECRETS_DIR"):
        read_settings()
    monkeypatch.setenv("TTA_SECRETS_DIR", str(folder / "none"))
    with pytest.raises(InvalidSetting, match="TTA_SECRETS_DIR: what it names cannot be read") as caught:
        read_settings()
    assert caught.value.place == str(folder / "none")


def test_without_a_folder_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TTA_SECRETS_DIR", raising=False)
    (tmp_path / "tta_neo4j_password").write_text("walnut")
    monkeypatch.chdir(tmp_path)
    assert read_settings().neo4j_password.get_secret_value() == ""
