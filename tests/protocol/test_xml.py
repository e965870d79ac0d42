"""Trees: serialising and parsing are each other's inverse."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from roost.protocol import namespaces as ns
from roost.protocol.xml import child, element, escape_attribute, escape_text, parse, serialise, split_name

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\t\n"), max_size=12
)
SPACES = st.sampled_from([ns.CLIENT, ns.PING, ns.DELAY, "urn:x'&y", ""])
HEADER = f"<stream:stream xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAMS}'>".encode()


def trees():
    attributes = st.dictionaries(
        st.one_of(NAMES, NAMES.map(lambda name: f"{{urn:a}}{name}")), TEXTS, max_size=3
    )
    leaf = st.builds(lambda n, s, a, t: element(n, s, a, text=t or None), NAMES, SPACES, attributes, TEXTS)
    return st.recursive(
        leaf,
        lambda inner: st.builds(
            lambda n, s, c: element(n, s, None, *c), NAMES, SPACES, st.lists(inner, max_size=3)
        ),
    )


def same(one, other):
    return (
        one.tag.removeprefix("{}") == other.tag.removeprefix("{}")
        and dict(one.attrib) == dict(other.attrib)
        and (one.text or "") == (other.text or "")
        and len(one) == len(other)
        and all(same(a, b) for a, b in zip(one, other, strict=True))
    )


@given(trees())
def test_what_is_written_reads_the_same(tree):
    assert same(parse(serialise(tree)), tree)


@given(trees())
def test_another_parser_reads_it_too(tree):
    read = etree.fromstring(HEADER + serialise(tree) + b"</stream:stream>")[0]
    assert read.tag.removeprefix("{}") == tree.tag.removeprefix("{}")


@given(TEXTS)
def test_escapes(text):
    assert parse(f"<a b='{escape_attribute(text)}'>{escape_text(text)}</a>".encode()).get("b") == text
    assert (parse(f"<a>{escape_text(text)}</a>".encode()).text or "") == text


def test_a_stanza_relies_on_the_stream_for_its_namespace():
    tree = parse(b"<message to='a@b'><body>hi</body><x xmlns='urn:x'/></message>")
    assert tree.tag == f"{{{ns.CLIENT}}}message"
    assert child(tree, "body", ns.CLIENT).text == "hi"
    assert child(tree, "body", "urn:x") is None
    assert serialise(tree) == b"<message to='a@b'><body>hi</body><x xmlns='urn:x'/></message>"


def test_mixed_content_and_languages_survive():
    raw = b"<message xml:lang='de'><html xmlns='urn:h'>a<b>c</b>d</html></message>"
    assert serialise(parse(raw)) == raw


def test_split_name():
    assert split_name("{urn:x}y") == ("urn:x", "y")
    assert split_name("y") == ("", "y")
