"""Settings that are more than a number or a word."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.runtime import values


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (values.domain, "example.net", "a b"),
        (values.redis_url, "redis+sentinel://one:26379,two:26379/main", "http://one"),
        (values.database_url, "postgresql://roost@db/roost", "mysql://db"),
        (values.web_url, "https://collector:4318/v1", "collector:4318"),
        (values.network_list, "10.0.0.0/8, ::1/128", "10.0.0.0/40"),
    ],
)
def test_what_is_taken_and_what_is_not(kind, right, wrong):
    assert kind(right) == right
    with pytest.raises(ValueError, match="should be "):
        kind(wrong)


def test_domains_have_one_form():
    assert values.domain("Example.NET.") == "example.net"
    assert values.domain("xn--bcher-kva.example") == "bücher.example"


def test_a_list_of_networks():
    assert values.networks("10.0.0.0/8,::1/128") == [
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    ]
    assert values.networks("") == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://:sesame@host:6379/0", "redis://:********@host:6379/0"),
        ("postgresql://roost:se@same@h/db", "postgresql://roost:********@h/db"),
        (
            "redis+sentinel://h/main?sentinel_password=sesame&ca=c",
            "redis+sentinel://h/main?sentinel_password=********&ca=c",
        ),
        ("postgresql://h/db?user=r&password=sesame&x=1", "postgresql://h/db?user=r&password=********&x=1"),
    ],
)
def test_passwords_in_urls_are_masked(url, shown):
    assert values.masked(url) == shown


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=9))
def test_no_password_survives_masking(password):
    assert password not in values.masked(f"redis://user:{password}@host:6379/0")
