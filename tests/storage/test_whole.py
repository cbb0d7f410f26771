import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from videoclip.storage.places import write_whole
from videoclip.storage.whole import remove_unfinished, whole


def test_what_fails_in_the_midst_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "result.json"
    write_whole(path, "before")

    def write() -> None:
        with whole(path) as new:
            new.write_text("half of what")
            assert path.read_text() == "before"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]
    assert path.read_text() == "before"


def test_a_killed_writer_leaves_what_was_there_and_what_it_left_can_be_removed(tmp_path):
    path = tmp_path / "result.json"
    write_whole(path, "before")
    script = (
        "import os, sys; from pathlib import Path; from videoclip.storage.whole import whole\n"
        "with whole(Path(sys.argv[1])) as new:\n    new.write_text('half of what')\n    os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, path], check=False).returncode == -9
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2
    remove_unfinished(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_writers_at_the_same_time_leave_the_text_of_one_of_them(tmp_path):
    path = tmp_path / "result.json"
    texts = [letter * 200_000 for letter in "abcd"]

    def write(text: str) -> None:
        for _ in range(20):
            write_whole(path, text)

    write(texts[0])
    writers = [Thread(target=write, args=(text,)) for text in texts]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_text() in texts
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_link_under_the_name_is_replaced_and_where_it_leads_is_left_alone(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (tmp_path / "result.json").symlink_to(secret)
    write_whole(tmp_path / "result.json", "new")
    assert secret.read_text() == "mine"
    assert (tmp_path / "result.json").read_text() == "new"


def test_contents_reach_the_disk_before_the_name_does(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda _: done.append("contents"))
    rename = os.replace
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("name"), rename(*names)))
    write_whole(tmp_path / "a", "text")
    assert done == ["contents", "name"]


def test_a_pipe_is_written_and_not_replaced(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = Thread(target=lambda: read.append(Path(pipe).read_text()))
    reader.start()
    write_whole(pipe, "text")
    reader.join()
    assert read == ["text"]
    assert pipe.is_fifo()
