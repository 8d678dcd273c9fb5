"""What the driver's terminal is told while an encoder is pre-trained."""

from study.pretraining.live_report import lines

ROW = {"images": 1200, "device_seconds": 45.2, "loss": 0.5, "warning": None}


def told(row, **more):
    return list(lines(row, **{"budget": "images", "amount": 4000, "left": None, "warned": None} | more))


def test_progress_is_told_in_what_the_budget_is_given_in():
    assert told(ROW) == ["1,200 of 4,000 images, loss 0.500"]
    assert told(ROW, left=140) == ["1,200 of 4,000 images, loss 0.500, about 2.3 min left"]
    assert told(ROW, budget="device_seconds", amount=90) == ["45 of 90 device seconds, loss 0.500"]


def test_a_warning_is_said_aloud_and_not_said_again():
    collapsed = ROW | {"warning": "the embeddings hardly differ"}
    assert told(collapsed)[1:] == ["warning: the embeddings hardly differ"]
    assert told(collapsed, warned="the embeddings hardly differ")[1:] == []
    assert told(collapsed, warned="something else")[1:] != []
