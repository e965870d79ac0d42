import numpy
from loadtest.report.timeline import Moment, TimelineFile
from matplotlib.image import imread

from loadtest.report import picture


def drawn(tmp_path, moments):
    file = TimelineFile(tmp_path / "timeline.csv")
    file.write(moments)
    file.close()
    picture.draw(tmp_path / "timeline.csv", tmp_path / "docs" / "picture.png", "mix: 10 users")
    return imread(tmp_path / "docs" / "picture.png")


def test_latency_and_rate_are_drawn(tmp_path):
    moments = [
        Moment(second, 10, "message (end to end)", 100, 5.0, 0.0, 2.0, 5.0, 1500.0) for second in range(1, 30)
    ]
    image = drawn(tmp_path, moments)
    assert image.shape[1] > 1000
    reds, greens, blues = (numpy.rint(255 * image[:, :, part]).astype(int) for part in range(3))
    colours = set(numpy.unique((reds << 16) + (greens << 8) + blues).tolist())
    assert {0xD1495B, 0xEDAE49, 0x00798C, 0xDDDDDD} <= colours


def test_a_run_without_anything_is_a_picture_too(tmp_path):
    assert drawn(tmp_path, []).size
