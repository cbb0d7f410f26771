from videoclip.media.inventory import Inventory, by_reason


def test_videos_are_counted_by_where_their_captions_are():
    inventory = Inventory()
    for seconds, source in ((3600, "beside"), (1800, "inside"), (1800, ""), (0, "beside")):
        inventory.add(seconds, source)
    assert (inventory.videos, inventory.beside, inventory.inside, inventory.none) == (4, 2, 1, 1)
    assert inventory.as_json()["hours"] == 2.0


def test_reasons_are_told_apart_by_what_is_wrong_alone():
    set_aside = {
        "/a/1.mp4": "/a/1.mp4: the file is empty",
        "/a/2.mp4": "/a/2.mp4: the file is empty",
        "/a/3.mp4": "/a/3.mp4: frames of 100×9000 pixels are no pictures; VIDEOCLIP_MAX_ASPECT raises the limit",
        "/a/4.mp4": "/a/4.mp4: frames of 20×1000 pixels are no pictures; VIDEOCLIP_MAX_ASPECT raises the limit",
        "/a/5.mp4": "/a/5.mp4: has no video stream, only audio",
    }
    assert sorted(by_reason(set_aside).values()) == [1, 2, 2]
    assert by_reason(set_aside)["the file is empty"] == 2
