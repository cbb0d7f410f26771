"""A stand-in for the Hugging Face hub on this machine: what its library asks to upload a model and to get it again."""

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

COMMIT = "0" * 39 + "1"


class Hub:
    """Serves from ``address`` until it is closed; ``models`` are the files of each, ``asked`` each request's line."""

    def __init__(self, takes: bool = True):
        self.models: dict[str, dict[str, bytes]] = {}
        self.large: dict[str, bytes] = {}
        """Contents of large files (LFS) by SHA-256."""
        self.asked: list[str] = []
        self.takes = takes
        """Whether it knows who uploads."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (_Asked,), {"hub": self}))
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Hub":
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_POST(self) -> None:
        body = self._body()
        path = self._path()
        if not self.hub.takes:
            self._answer(401, {"error": "Invalid username or password."})
        elif path == "/api/repos/create":
            name = "/".join(filter(None, (json.loads(body).get("organization"), json.loads(body)["name"])))
            self.hub.models.setdefault(name, {})
            self._answer(200, {"url": f"{self.hub.address}/{name}"})
        elif path == "/api/validate-yaml":  # of the head of a card
            self._answer(200, {"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = [file["path"] for file in json.loads(body)["files"]]
            modes = {True: "lfs", False: "regular"}
            told = [{"path": f, "uploadMode": modes[f.endswith(".safetensors")], "shouldIgnore": False} for f in files]
            self._answer(200, {"files": told})
        elif path.endswith(".git/info/lfs/objects/batch"):
            wanted = json.loads(body)["objects"]
            href = f"{self.hub.address}/large/"
            told = [{**one, "actions": {"upload": {"href": href + one["oid"]}}} for one in wanted]
            self._answer(200, {"transfer": "basic", "objects": told})
        elif "/commit/" in path:
            name = path.removeprefix("/api/models/").partition("/commit/")[0]
            self._commit(self.hub.models[name], [json.loads(line) for line in body.splitlines()])
            address = f"{self.hub.address}/{name}/commit/{COMMIT}"
            self._answer(200, {"success": True, "commitOid": COMMIT, "commitUrl": address})
        else:
            self._answer(404, {"error": path})

    def do_PUT(self) -> None:
        body, digest = self._body(), self._path().removeprefix("/large/")
        assert hashlib.sha256(body).hexdigest() == digest
        self.hub.large[digest] = body
        self._answer(200, {})

    def do_GET(self) -> None:
        path = self._path()
        if path.startswith("/api/models/"):
            name = path.removeprefix("/api/models/").partition("/revision/")[0].partition("/tree/")[0]
            files = self.hub.models.get(name)
            if files is None:
                self._answer(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            elif "/tree/" in path:
                listed = [{"type": "file", "path": f, "size": len(c), "oid": COMMIT} for f, c in files.items()]
                self._answer(200, listed)
            else:
                siblings = [{"rfilename": file} for file in files]
                self._answer(200, {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings})
        elif "/resolve/" in path:
            name, _, rest = path[1:].partition("/resolve/")
            content = self.hub.models[name][rest.partition("/")[2]]
            tags = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
            self._answer(200, content, tags)
        else:
            self._answer(200, {})

    do_HEAD = do_GET

    def _commit(self, files: dict[str, bytes], lines: list[dict]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]

    def _path(self) -> str:
        self.hub.asked.append(f"{self.command} {self.path}")
        return self.path.partition("?")[0]

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, what: object, headers: dict[str, str] | None = None) -> None:
        body = what if isinstance(what, bytes) else json.dumps(what).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass
