"""The few endpoints of the Hugging Face hub that sharing a store needs, on this machine."""

import base64
import hashlib
import json
import threading
from typing import Any

import yaml
from flask import Flask, Response, abort, request
from werkzeug.serving import make_server

LARGE = 4096
"""Files from this size go through large file storage."""


class FakeHub:
    """One data set repository in memory, `team/clips`, as huggingface_hub's client sees it.

    Attributes:
        files: Content by path.
        commits: What each commit added.
        large: sha256 of the contents that came through large file storage.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.commits: list[list[str]] = []
        self.large: dict[str, bytes] = {}
        self.server = make_server("127.0.0.1", 0, self.app(), threaded=True)
        self.endpoint = f"http://127.0.0.1:{self.server.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()

    def app(self) -> Flask:
        """The endpoints."""
        app = Flask(__name__)
        repo, git = "/api/datasets/team/clips", "/datasets/team/clips"
        app.add_url_rule(repo, view_func=self.info)
        app.add_url_rule(f"{repo}/revision/main", "revision", self.info)
        app.add_url_rule(f"{repo}/tree/main", "root", self.tree)
        app.add_url_rule(f"{repo}/tree/main/<path:folder>", view_func=self.tree)
        app.add_url_rule(f"{repo}/paths-info/main", view_func=self.paths, methods=["POST"])
        app.add_url_rule(f"{repo}/preupload/main", view_func=self.preupload, methods=["POST"])
        app.add_url_rule(f"{repo}/commit/main", view_func=self.commit, methods=["POST"])
        app.add_url_rule(f"{git}.git/info/lfs/objects/batch", view_func=self.lfs, methods=["POST"])
        app.add_url_rule("/lfs/<sha256>", view_func=self.upload, methods=["PUT"])
        app.add_url_rule(f"{git}/resolve/main/<path:name>", view_func=self.content)
        app.add_url_rule("/api/validate-yaml", view_func=self.card, methods=["POST"])
        return app

    def card(self) -> dict[str, Any]:
        """Whether a README's head is fine: here, whether it is YAML with a licence."""
        text = request.json["content"]
        head = yaml.safe_load(text.split("---\n")[1])
        return {"errors": [] if "license" in head else [{"message": "no licence"}], "warnings": []}

    def info(self) -> dict[str, Any]:
        """The repository itself."""
        return {"id": "team/clips", "sha": f"{len(self.commits):040x}", "siblings": []}

    def entry(self, name: str) -> dict[str, Any]:
        """One file of a listing."""
        content = self.files[name]
        sha256 = hashlib.sha256(content).hexdigest()
        entry = {"type": "file", "path": name, "size": len(content), "oid": sha256[:40]}
        if sha256 in self.large:
            entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 134}
        return entry

    def tree(self, folder: str = "") -> Response:
        """What is in a folder, or below it."""
        prefix = f"{folder}/" if folder else ""
        inside = [name for name in self.files if name.startswith(prefix)]
        if folder and not inside:
            abort(404)
        deep = request.args.get("recursive", "").lower() == "true"
        folders = {
            prefix + "/".join(parts[:depth])
            for name in inside
            for parts in [name.removeprefix(prefix).split("/")]
            for depth in range(1, len(parts) if deep else min(2, len(parts)))
        }
        shown = [n for n in inside if deep or "/" not in n.removeprefix(prefix)]
        listing = [{"type": "directory", "path": f, "oid": "0" * 40, "size": 0} for f in folders]
        return Response(
            json.dumps([*listing, *map(self.entry, shown)]), mimetype="application/json"
        )

    def paths(self) -> Response:
        """Some files, those that are there."""
        given = request.get_json(silent=True) or request.form.to_dict(flat=False)
        wanted = given["paths"]
        listing = [self.entry(name) for name in wanted if name in self.files]
        for folder in wanted:
            if folder not in self.files and any(n.startswith(f"{folder}/") for n in self.files):
                listing.append({"type": "directory", "path": folder, "oid": "0" * 40, "size": 0})
        return Response(json.dumps(listing), mimetype="application/json")

    def preupload(self) -> dict[str, Any]:
        """Which files are large."""
        return {
            "files": [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["size"] >= LARGE else "regular",
                    "shouldIgnore": False,
                    "oid": None,
                }
                for file in request.json["files"]
            ]
        }

    def lfs(self) -> dict[str, Any]:
        """Where to put large files."""
        return {
            "transfer": "basic",
            "objects": [
                {**wanted, "actions": {"upload": {"href": f"{self.endpoint}/lfs/{wanted['oid']}"}}}
                for wanted in request.json["objects"]
            ],
        }

    def upload(self, sha256: str) -> str:
        """Take a large file; its hash has to be right."""
        content = request.get_data()
        if hashlib.sha256(content).hexdigest() != sha256:
            abort(422)
        self.large[sha256] = content
        return ""

    def commit(self) -> dict[str, Any]:
        """Add files, all or none."""
        lines = [json.loads(line) for line in request.get_data().splitlines()]
        added = {}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                added[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                added[value["path"]] = self.large[value["oid"]]
        self.files |= added
        self.commits.append(sorted(added))
        oid = f"{len(self.commits):040x}"
        url = f"https://huggingface.co/datasets/team/clips/commit/{oid}"
        return {"commitUrl": url, "commitOid": oid}

    def content(self, name: str) -> Response:
        """A file, or a range of it."""
        if name not in self.files:
            abort(404)
        response = Response(self.files[name], mimetype="application/octet-stream")
        response.headers["ETag"] = hashlib.sha256(self.files[name]).hexdigest()
        response.headers["Accept-Ranges"] = "bytes"
        return response.make_conditional(
            request, accept_ranges=True, complete_length=len(self.files[name])
        )
