import http.client
import http.server
import os
import runpy
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The functions of rows.py."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("rows.py"))))


class Lossy(http.server.BaseHTTPRequestHandler):
    """Hands requests on; of a PUT to a path that holds `wanted`, the first answer is lost on the way back."""

    protocol_version = "HTTP/1.1"
    upstream, wanted, lost = "", "", 0

    @classmethod
    def lose(cls, wanted: str) -> None:
        cls.wanted, cls.lost = wanted, 0

    def _hand_on(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            del self.headers["Expect"]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upstream = http.client.HTTPConnection(self.upstream)
        upstream.request(self.command, self.path, body, dict(self.headers.items()))
        answer = upstream.getresponse()
        content = answer.read()
        cls = type(self)
        if self.command == "PUT" and cls.wanted and cls.wanted in self.path and answer.status == 200:
            cls.wanted, cls.lost = "", cls.lost + 1
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = _hand_on

    def do_HEAD(self) -> None:
        self._hand_on()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def lossy(object_store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Lossy]]:
    """The way to the object store through a proxy that can lose an answer."""
    import s3fs

    Lossy.upstream = urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
    Lossy.lose("")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lossy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        s3fs.S3FileSystem.clear_instance_cache()
        yield Lossy
        server.shutdown()
    s3fs.S3FileSystem.clear_instance_cache()
