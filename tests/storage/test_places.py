"""The same commands on an object store: a real S3 server, behind a line that is cut and throttled."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_corpus import SETTINGS, made_corpus

from videoclip.errors import ConfigError, VideoclipError
from videoclip.library.search import Library
from videoclip.storage import remote
from videoclip.storage.checkpoints import KEPT
from videoclip.storage.copies import fetch, publish, working_copy
from videoclip.storage.folders import locked
from videoclip.storage.places import local, place
from videoclip.storage.remote import Remote

pytest.importorskip("moto", reason="the S3 server of the tests is moto's: pip install 'moto[server]'")


class BadLine:
    """A proxy that cuts some connections, and answers some requests with 503 Slow Down."""

    def __init__(self, target: int, cut: float = 0.0, throttled: float = 0.0):
        self.target, self.cut, self.throttled, self.rng = target, cut, throttled, random.Random(0)
        self.done = {"passed": 0, "cut": 0, "throttled": 0}
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        drawn = self.rng.random()
        with client:
            if drawn < self.throttled:
                self.done["throttled"] += 1
                client.recv(1 << 16)
                body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
                head = f"HTTP/1.1 503 Slow Down\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                client.sendall(head.encode() + body)
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                after = self.rng.randrange(1, 4000) if drawn < self.throttled + self.cut else None
                self.done["passed" if after is None else "cut"] += 1
                back = threading.Thread(target=self._pass, args=(server, client, after), daemon=True)
                back.start()
                self._pass(client, server, None)
                back.join()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket, after: int | None) -> None:
        passed = 0
        try:
            while block := source.recv(1 << 16):
                passed += len(block)
                if after is not None and passed > after:
                    sink.sendall(block[: len(block) // 2])
                    break
                sink.sendall(block)
        except OSError:
            pass
        for side in (sink, source):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR if after is not None else socket.SHUT_WR)


@pytest.fixture(scope="module")
def server():
    """The port of an S3 server, with an empty bucket in it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            assert process.poll() is None
            time.sleep(0.1)
    yield port
    process.kill()
    process.wait()


@pytest.fixture
def bucket(server, monkeypatch, tmp_path):
    """A bucket of this test's own; lets it choose how bad the line is."""
    import boto3

    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    for name, value in (keys | {"AWS_ALLOW_HTTP": "true", "XDG_CACHE_HOME": str(tmp_path / "cache")}).items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{os.getpid()}-{abs(hash(tmp_path)) % 10**9}"
    client = boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{server}", region_name="us-east-1",
        aws_access_key_id="key", aws_secret_access_key="secret",
    )  # fmt: skip
    client.create_bucket(Bucket=name)
    lines = []

    def line(cut: float = 0.0, throttled: float = 0.0) -> BadLine:
        lines.append(BadLine(server, cut, throttled))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{lines[-1].port}")
        return lines[-1]

    line()
    yield f"s3://{name}", line
    for made in lines:
        made.listening.close()


def test_a_remote_place_is_used_like_a_folder(bucket):
    url, _ = bucket
    folder = place(f"{url}/a/b")
    assert isinstance(folder, Remote)
    assert not folder.exists()
    (folder / "x.txt").write_text("hello")
    (folder / "deep/y.bin").write_bytes(b"\0" * 3)
    assert folder.is_dir()
    assert not folder.is_file()
    assert (folder / "x.txt").read_text() == "hello"
    assert sorted(p.name for p in folder.iterdir()) == ["deep", "x.txt"]
    assert {name: state[0] for name, state in folder.files().items()} == {"x.txt": 5, "deep/y.bin": 3}
    (folder / "x.txt").unlink()
    (folder / "x.txt").unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError, match="no such object"):
        (folder / "x.txt").read_bytes()


def test_a_place_does_not_lead_out_of_itself():
    with pytest.raises(VideoclipError, match="write s3://bucket/folder"):
        Remote("s3://bucket/a/../../other")
    assert place("/a/b") == Path("/a/b")


def test_a_working_copy_brings_and_sends_what_has_changed(bucket):
    url, _ = bucket
    run = place(f"{url}/run")
    (run / "one.txt").write_text("1")
    copy = fetch(run)
    assert (copy / "one.txt").read_text() == "1"
    (copy / "two.txt").write_text("2")
    (copy / "one.txt").unlink()
    publish(run)
    assert set(run.files()) == {"two.txt"}
    time.sleep(1.1)  # the times of S3 are whole seconds
    (run / "two.txt").write_text("3")  # by another machine, and of the same size
    assert (fetch(run) / "two.txt").read_text() == "3"
    (copy / "two.txt").write_text("4")  # not sent yet: a killed job's
    assert (fetch(run) / "two.txt").read_text() == "4"


def test_one_job_at_a_time_and_a_dead_ones_lock_ends(bucket, monkeypatch):
    url, _ = bucket
    busy = ConfigError("busy")
    with (
        locked(place(f"{url}/run"), busy),
        pytest.raises(ConfigError, match="busy"),
        locked(place(f"{url}/run"), busy),
    ):
        pass
    with locked(place(f"{url}/run"), busy):
        pass
    (place(f"{url}/run") / ".lock").write_text("of a dead job")
    monkeypatch.setattr("videoclip.storage.folders.LEASE", 0.0)
    with locked(place(f"{url}/run"), busy):
        pass


def test_a_working_copy_leaves_the_lock_of_its_folder_alone(bucket):
    url, _ = bucket
    run = place(f"{url}/run")
    with locked(run, ConfigError("busy")):
        (fetch(run)).mkdir(parents=True, exist_ok=True)
        (working_copy(run) / "one.txt").write_text("1")
        publish(run)
        publish(run)
        assert set(run.files()) == {"one.txt", ".lock"}
        assert not (working_copy(run) / ".lock").exists()


def test_the_same_commands_from_videos_to_search_over_a_bad_line(bucket, world, videoclip, tmp_path):
    url, line = bucket
    used = line(cut=0.06, throttled=0.06)
    for video in sorted((world / "train").iterdir())[:12]:  # six, with their captions
        shutil.copy(video, tmp_path)
    small = ["model.hidden_size=32", "model.heads=2", "model.intermediate_size=64"]
    settings = ["epochs=2", "batches.videos=2", "batches.candidates=4", "init=", *small]
    for command in (
        ["extract", tmp_path, "--encoder", "demo", "--out", f"{url}/c.lance"],
        ["pretrain", "--config", "demo", f"corpus={url}/c.lance", f"out={url}/run", *settings],
        ["index", world / "val", "--model", f"{url}/run/model", "--library", f"{url}/library"],
        ["search", "--library", f"{url}/library", "--everything", "someone slices an onion"],
    ):
        said = until_done(videoclip, command, 4)
    assert ".mp4" in said
    for command in (
        ["extract", tmp_path, "--encoder", "demo", "--out", f"{url}/c.lance"],
        ["pretrain", "--config", "demo", f"corpus={url}/c.lance", f"out={url}/run", *settings],
    ):
        until_done(videoclip, command, 4)
    run = place(f"{url}/run")
    history = [json.loads(row) for row in (run / "history.jsonl").read_text().splitlines()]
    assert history[-1]["update"] == json.loads((run / "result.json").read_text())["updates"]
    assert 1 <= sum(name.startswith("checkpoint-") for name in run.files()) <= KEPT
    assert len(Library(f"{url}/library").videos) == len(list((world / "val").glob("*.mp4")))
    assert used.done["cut"] > 5
    assert used.done["throttled"] > 5


def until_done(videoclip, command: list, attempts: int) -> str:
    """What a command says; where the line breaks off in the midst of a change, it says so and is given again."""
    for _ in range(attempts):
        code, said, complaint = videoclip(*command)
        if code == 0:
            return said
        assert code == 2, (command, complaint)
        assert "object store" in complaint
    raise AssertionError(f"{command}: {attempts} times in vain")


def test_a_folder_is_not_taken_for_an_empty_one_when_the_answer_is_cut(monkeypatch):
    class System:
        answers = ([], [SimpleNamespace(path="bucket/folder/a", is_file=True, size=3, mtime_ns=5)])

        def get_file_info(self, asked):
            if isinstance(asked, list):
                return [SimpleNamespace(is_file=False)]
            self.answers = self.answers[1:] + self.answers[:1]
            return self.answers[-1]

    system = System()
    monkeypatch.setattr(remote, "_file_system", lambda _: system)
    for _ in range(2):
        assert place("s3://bucket/folder").exists()
        assert place("s3://bucket/folder").files() == {"a": [3, 5]}
    system.answers = ([], [])
    assert not place("s3://bucket/folder").exists()


def test_a_run_goes_on_on_another_machine(bucket, videoclip, tmp_path, monkeypatch):
    url, _ = bucket
    train = ["pretrain", f"corpus={made_corpus(f'{url}/c.lance')}", *SETTINGS, "batches.per_update=1", "epochs=1"]
    assert videoclip(*train, f"out={url}/whole")[0] == 0
    from videoclip.pretrain import trainer

    original, begun = trainer.train_step, []

    def failing(*arguments):
        begun.append(1)
        if len(begun) == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*arguments)

    monkeypatch.setattr(trainer, "train_step", failing)
    assert videoclip(*train, f"out={url}/run")[0] == 130
    monkeypatch.setattr(trainer, "train_step", original)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
    assert videoclip(*train, f"out={url}/run")[0] == 0
    assert (place(f"{url}/run") / "history.jsonl").read_text() == (place(f"{url}/whole") / "history.jsonl").read_text()
    ends = [json.loads((place(f"{url}/{name}") / "result.json").read_text())["weights"] for name in ("run", "whole")]
    assert ends[0] == ends[1]


def test_a_bucket_that_is_not_there_is_one_error(bucket, videoclip, monkeypatch):
    monkeypatch.setattr(remote, "ATTEMPTS", 2)
    code, _, complaint = videoclip("search", "--library", "s3://no-such-bucket-here/library", "onion")
    assert code == 2
    assert "no-such-bucket-here" in complaint
    assert "Traceback" not in complaint


def test_an_unknown_kind_of_place_is_one_error():
    with pytest.raises(VideoclipError, match="no such kind of place"):
        place("ftp://host/folder")
    assert working_copy(Path("a")) == Path("a")


def test_a_local_path_is_no_address_of_an_object_store():
    assert local("a/b") == local(Path("a/b")) == Path("a/b")
    with pytest.raises(VideoclipError, match="s3://bucket/a: lies in an object store, and this has to be a local path"):
        local("s3://bucket/a")


def test_an_address_that_went_through_a_path_is_refused_before_it_becomes_a_folder():
    with pytest.raises(VideoclipError, match="pass it as a string"):
        place(Path("s3://bucket/a"))
    with pytest.raises(VideoclipError, match="pass it as a string"):
        local(Path("s3://bucket/a"))


def test_the_url_of_a_file_is_its_path():
    assert place("file:///a/b%20c") == local("file://localhost/a/b%20c") == Path("/a/b c")
    with pytest.raises(VideoclipError, match="names another machine"):
        place("file://elsewhere/a")
