"""Files by content: whole or not there, one for the same content, found out when altered."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from carbon_platform.parcels.evidence_store import EvidenceDamaged, EvidenceStore, FileTooLarge

MB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "evidence")


def put(store: EvidenceStore, content: bytes) -> str:
    return store.put(io.BytesIO(content), limit_bytes=8 * MB).sha256


def test_an_object_lies_under_its_digest_and_the_same_content_is_one(store: EvidenceStore) -> None:
    content = os.urandom(3 * MB + 17)
    digest = hashlib.sha256(content).hexdigest()
    assert put(store, content) == put(store, content) == digest
    assert [*store.names()] == [digest]
    path = store.objects / digest[:2] / digest[2:4] / digest
    assert path == store.path_of(digest)
    assert path.read_bytes() == store.read(digest) == content
    assert path.stat().st_mode & 0o777 == 0o440
    assert not list(store.incoming.iterdir())


def test_what_is_too_large_leaves_nothing(store: EvidenceStore) -> None:
    with pytest.raises(FileTooLarge, match="1 MB"):
        store.put(io.BytesIO(b"x" * (MB + 1)), limit_bytes=MB)
    assert not [*store.names()]
    assert not list(store.incoming.iterdir())


def test_a_source_that_breaks_off_leaves_nothing(store: EvidenceStore) -> None:
    class Breaking(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            if self.tell():
                raise OSError("the network went away")
            return super().read(MB)

    with pytest.raises(OSError, match="went away"):
        store.put(Breaking(b"x" * 2 * MB), limit_bytes=8 * MB)
    assert not [*store.names()]
    assert not list(store.incoming.iterdir())


WRITER = """
import sys
from pathlib import Path
from carbon_platform.parcels.evidence_store import EvidenceStore

class Slow:
    def __init__(self):
        self.given = 0
    def read(self, size):
        self.given += 1
        if self.given == 4:
            print("half-way", flush=True)
            sys.stdin.read()      # for ever, as far as this process is concerned
        return b"x" * size

EvidenceStore(Path(sys.argv[1])).put(Slow(), limit_bytes=1 << 30)
"""


def test_a_writer_killed_half_way_leaves_nothing(store: EvidenceStore) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(store.objects.parent)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert writer.stdout and writer.stdout.readline() == "half-way\n"
    [unfinished] = store.incoming.iterdir()
    assert unfinished.stat().st_size > 0
    assert store.sweep() == 0, "its writer lives: it is not a left-over"
    put(store, b"meanwhile")
    assert unfinished.exists()
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert [*store.names()] == [hashlib.sha256(b"meanwhile").hexdigest()], "nothing of it has a name"
    put(store, b"afterwards")
    assert not list(store.incoming.iterdir()), "gone with the next write, without waiting"


def test_what_was_altered_or_lost_is_found_out_withheld_and_healed(store: EvidenceStore) -> None:
    content = b"as handed in" * 1000
    digest = put(store, content)
    assert store.state(digest) == "ok"
    path = store.path_of(digest)
    path.chmod(0o640)
    altered = bytearray(content)
    altered[777] ^= 1
    path.write_bytes(altered)
    assert store.state(digest) == "altered"
    with pytest.raises(EvidenceDamaged, match=digest):
        store.read(digest)
    path.unlink()
    assert store.state(digest) == "missing"
    with pytest.raises(EvidenceDamaged):
        store.read(digest)
    put(store, content)
    assert store.state(digest) == "ok"
    assert store.read(digest) == content


def test_many_writers_of_the_same_and_of_other_content(store: EvidenceStore) -> None:
    contents = [bytes([place % 3]) * (2 * MB) for place in range(12)]
    errors: list[BaseException] = []

    def write(content: bytes) -> None:
        try:
            put(store, content)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert {*store.names()} == {hashlib.sha256(content).hexdigest() for content in contents}
    assert {store.state(name) for name in store.names()} == {"ok"}
    assert not list(store.incoming.iterdir())
