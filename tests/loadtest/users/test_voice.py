from loadtest.delivery.ledger import MESSAGE, PRESENCE


def test_what_is_said_is_claimed_and_arrives(ground, neighbours, reported):
    romeo, _ = neighbours
    for _ in range(3):
        romeo.voice.say(romeo.device, romeo.contact, "load0")
    assert ground.ledger.open() == 3
    reported.until(MESSAGE, times=3)
    assert ground.ledger.open() == 0


def test_presence_reaches_the_contact(neighbours, reported):
    romeo, _ = neighbours
    romeo.voice.show(romeo.device, "away")
    reported.until(PRESENCE)


def test_what_could_not_be_sent_is_not_claimed(ground, neighbours, reported):
    romeo, _ = neighbours
    romeo.device.cut()
    romeo.voice.say(romeo.device, romeo.contact, "load0")
    assert ground.ledger.open() == 0
    romeo.device.insist()
    romeo.voice.say(romeo.device, romeo.contact, "load0")
    reported.until(MESSAGE)  # it is number 1, and none is missing
