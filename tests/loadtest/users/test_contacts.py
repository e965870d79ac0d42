from xml.etree import ElementTree

from loadtest.users.contacts import Contact, Contacts


def people():
    return Contacts(Contact(number, f"load{number}", f"load{number}@example.test") for number in range(3))


def test_contacts_are_found_by_full_and_bare_jid():
    contacts = people()
    assert contacts.find("load1@example.test/load0") is contacts.find("load1@example.test")
    assert contacts.find("romeo@example.test/x") is None
    assert contacts.find(None) is None


def test_the_roster_says_whose_presence_is_missing():
    contacts = people()
    items = "".join(
        f"<item jid='load{number}@example.test' subscription='{subscription}'/>"
        for number, subscription in enumerate(("both", "from", "to"))
    )
    roster = f"<query xmlns='jabber:iq:roster'>{items}<item jid='nurse@example.test'/></query>"
    contacts.note_roster(ElementTree.fromstring(roster))
    assert [contact.position for contact in contacts.strangers()] == [1]


def test_nobody_is_there_once_we_are_gone():
    contacts = people()
    for contact in contacts:
        contact.resources.add("load0")
    contacts.gone()
    assert not any(contact.resources for contact in contacts)
