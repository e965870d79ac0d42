"""XEP-0115: the verification strings of the specification's own examples."""

from __future__ import annotations

from roost.protocol.caps import verification
from roost.protocol.xml import parse

FEATURES = """
<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>
<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>
"""


def query(inner):
    return parse(f"<query xmlns='http://jabber.org/protocol/disco#info'>{inner}</query>".encode())


def test_the_simple_example():
    """Section 5.2."""
    info = query(f"<identity category='client' name='Exodus 0.9.1' type='pc'/>{FEATURES}")
    assert verification(info) == "QgayPKawpkPSDYmwT/WM94uAlu0="


def test_the_complex_example():
    """Section 5.3: two languages and a form."""
    form = """
<x xmlns='jabber:x:data' type='result'>
<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>
<field var='ip_version' type='text-multi'><value>ipv4</value><value>ipv6</value></field>
<field var='os'><value>Mac</value></field><field var='os_version'><value>10.5.1</value></field>
<field var='software'><value>Psi</value></field>
<field var='software_version'><value>0.11</value></field></x>"""
    identities = """
<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>
<identity xml:lang='el' category='client' name='\u03a8 0.11' type='pc'/>"""
    assert verification(query(identities + FEATURES + form)) == "q07IKJEyjvHSyhy//CH0CxmKi8w="


def test_a_form_without_its_type_does_not_count():
    info = "<identity category='client' name='Exodus 0.9.1' type='pc'/>" + FEATURES
    stray = "<x xmlns='jabber:x:data' type='result'><field var='os'><value>Mac</value></field></x>"
    assert verification(query(info + stray)) == verification(query(info))
