from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.protocol.jid import prepare_domain
from roost.runtime import config


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in config.Settings.model_fields:
        monkeypatch.delenv(f"ROOST_{name.upper()}", raising=False)
    monkeypatch.delenv("ROOST_CONFIG", raising=False)


def write(folder: Path, text: str) -> Path:
    file = folder / "roost.toml"
    file.write_text(text)
    return file


def mistakes(*args, **kwargs) -> str:
    with pytest.raises(config.SettingsError) as caught:
        config.load(*args, **kwargs)
    return "\n".join(caught.value.mistakes)


def test_options_win_over_environment_over_file_over_default(monkeypatch, tmp_path):
    file = write(tmp_path, "starttls_port = 1\ndirect_tls_port = 1\nmetrics_port = 1")
    monkeypatch.setenv("ROOST_DIRECT_TLS_PORT", "2")
    monkeypatch.setenv("ROOST_METRICS_PORT", "2")
    settings = config.load({"metrics_port": 3, "log_level": None}, file)
    assert (settings.starttls_port, settings.direct_tls_port, settings.metrics_port) == (1, 2, 3)
    assert settings.log_level == "info"


def test_the_environment_can_name_the_file(monkeypatch, tmp_path):
    monkeypatch.setenv("ROOST_CONFIG", str(write(tmp_path, 'domain = "Capulet.Example."')))
    assert config.load().domain == "capulet.example"


@pytest.mark.parametrize(
    "name", ["Capulet.Example.", "xn--mnchen-3ya.de", "M\u00dcNCHEN.de", "under_score.local"]
)
def test_the_domain_is_the_one_that_clients_name(name):
    """A stream's domain is prepared apart from the setting: the two forms must be one."""
    assert config.load({"domain": name}).domain == prepare_domain(name)


def test_an_empty_variable_counts_as_not_given(monkeypatch):
    monkeypatch.setenv("ROOST_CERTIFICATE_FILE", "")
    assert config.load().certificate_file is None


def test_all_mistakes_are_told_at_once_each_by_the_name_it_has_where_it_stands(monkeypatch, tmp_path):
    file = write(tmp_path, "max_depth = 2\nmax_dept = 50")
    monkeypatch.setenv("ROOST_STARTTLS_PORT", "99999")
    told = mistakes({"tls": "perhaps"}, file)
    assert f"max_depth in {file}: should be greater than or equal to 8, not 2" in told
    assert f"max_dept in {file}: there is no such setting" in told
    assert "ROOST_STARTTLS_PORT: should be less than or equal to 65535, not '99999'" in told
    assert "--tls: should be 'required' or 'optional', not 'perhaps'" in told


def test_a_mistake_in_a_url_does_not_show_its_password(monkeypatch):
    monkeypatch.setenv("ROOST_REDIS_URL", "http://:sesame@host")
    told = mistakes()
    assert "ROOST_REDIS_URL: should be a URL such as redis://host:6379" in told
    assert "sesame" not in told


@pytest.mark.parametrize(
    "options",
    [{"certificate_file": "a.pem"}, {"heartbeat_seconds": 10, "lease_seconds": 15}, {"domain": "a b"}],
)
def test_what_does_not_fit_together_is_a_mistake(options):
    assert next(iter(options)) in mistakes(options).replace("-", "_")


def test_a_file_that_is_not_there_or_not_toml_is_a_mistake(tmp_path):
    assert "cannot be read" in mistakes(file=tmp_path / "none.toml")
    assert "is not TOML" in mistakes(file=write(tmp_path, "= 1"))


def test_secrets_are_in_neither_the_effective_values_nor_the_representation():
    settings = config.Settings(redis_url="redis://:sesame@h", database_url="postgresql://r:sesame@h/d")
    assert "sesame" not in repr(settings)
    assert "sesame" not in str(config.effective(settings))
    assert config.effective(settings)["certificate_file"] == ""


def test_a_child_process_gets_the_same_settings_by_its_environment(monkeypatch, tmp_path):
    settings = config.load(
        {"domain": "capulet.example", "certificate_file": "c", "key_file": "k", "lease_seconds": 12.5}
    )
    for name, value in config.as_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert config.load() == settings


def test_every_setting_has_a_description_and_every_number_has_bounds():
    for name, schema in config.Settings.model_json_schema()["properties"].items():
        assert schema.get("description"), name
        if schema.get("type") in ("integer", "number"):
            assert "minimum" in schema, name
            assert "maximum" in schema, name


def test_strangers_are_held_short_where_nothing_else_is_said():
    """What a client may cost before and after it has logged in, as the documents promise."""
    settings = config.load()
    assert settings.max_unauthenticated_stanza_bytes == 8 * 1024
    assert settings.max_stanza_bytes == 256 * 1024
    assert (settings.max_depth, settings.max_attributes) == (50, 100)
    assert settings.unauthenticated_seconds == 15


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("redis://host:6379", "redis://:p%40s%2Fs%20%25@host:6379"),
        ("redis+sentinel://roost@a,b:26379/main", "redis+sentinel://roost:p%40s%2Fs%20%25@a,b:26379/main"),
        ("rediss+cluster://a:6379?ca=/ca.crt", "rediss+cluster://:p%40s%2Fs%20%25@a:6379?ca=/ca.crt"),
    ],
)
def test_a_password_that_stands_alone_goes_into_the_url(monkeypatch, url, whole):
    monkeypatch.setenv("ROOST_REDIS_URL", url)
    monkeypatch.setenv("ROOST_REDIS_PASSWORD", "p@s/s %")
    assert config.load().redis_url == whole
    assert "p@s/s" not in str(config.effective(config.load()))


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("redis+sentinel://a,b/main", "redis+sentinel://:one@a,b/main?sentinel_password=t%26o"),
        ("rediss+sentinel://a/main?ca=c", "rediss+sentinel://:one@a/main?ca=c&sentinel_password=t%26o"),
    ],
)
def test_sentinels_have_a_password_of_their_own(monkeypatch, url, whole):
    monkeypatch.setenv("ROOST_REDIS_URL", url)
    monkeypatch.setenv("ROOST_REDIS_PASSWORD", "one")
    monkeypatch.setenv("ROOST_REDIS_SENTINEL_PASSWORD", "t&o")
    assert config.load().redis_url == whole
    assert "t%26o" not in str(config.effective(config.load()))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://h", "redis_sentinel_password: redis_url names no Sentinels"),
        ("redis+sentinel://h/m?sentinel_password=sesame", "stands in the URL and alone; give it once"),
    ],
)
def test_a_password_for_sentinels_needs_some_without_one(monkeypatch, url, told):
    monkeypatch.setenv("ROOST_REDIS_SENTINEL_PASSWORD", "open")
    said = mistakes({"redis_url": url})
    assert told in said
    assert not {"open", "sesame"} & set(said.split())


@given(st.text(min_size=1))
def test_any_password_comes_back_out_of_the_url(password):
    settings = config.load({"database_url": "postgresql://roost@h/d", "database_password": password})
    assert unquote(urlsplit(settings.database_url).password or "") == password


def test_a_password_is_given_once(monkeypatch):
    monkeypatch.setenv("ROOST_REDIS_PASSWORD", "open")
    told = mistakes({"redis_url": "redis://:sesame@h"})
    assert "a password stands in the URL and alone; give it once" in told
    assert "open" not in told
    assert "sesame" not in told
