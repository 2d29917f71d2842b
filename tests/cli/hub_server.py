#!/usr/bin/env python3
"""A hub on loopback for tests: repositories below a folder, and failures on request.

    hub_server.py FOLDER PORT_FILE [CERTIFICATE KEY]

FOLDER/OWNER--NAME/ holds a repository: `sha` (one line), files below `files/`, and rows of the viewer in
`rows/CONFIG/SPLIT.json` ({"features": [...], "rows": [...], ...} as the viewer answers, all of them).
FOLDER/faults.json says what goes wrong: {"PATH PART": {"kind": ..., "times": N, ...}}; it is read at
every request.  FOLDER/log gets one line per request: method, path, Range, whether a token came.
Two ports are served, the second stands for another host (downloads are redirected there with
"redirect"); with a certificate a third speaks TLS.  PORT_FILE gets "PORT1 PORT2 [PORT3]"."""
import hashlib
import http.server
import json
import os
import ssl
import sys
import threading
import time
import urllib.parse

root, port_file, *pair = sys.argv[1:]
lock = threading.Lock()
used = {}


def fault_for(path):
    try:
        with open(os.path.join(root, "faults.json")) as f:
            faults = json.load(f)
    except (OSError, ValueError):
        return None
    for part, fault in faults.items():
        if part in path:
            key = part + json.dumps(fault, sort_keys=True)
            with lock:
                used[key] = used.get(key, 0) + 1
                if used[key] <= fault.get("times", 1 << 30):
                    return fault
    return None


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self):
        with lock, open(os.path.join(root, "log"), "a") as f:
            f.write("%d %s range=%s token=%s\n" % (
                self.server.server_port, self.path, self.headers.get("Range", "-"),
                self.headers.get("Authorization", "-")))

    def send(self, status, body, headers=(), length=None):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, value, status=200, headers=()):
        self.send(status, json.dumps(value).encode(), [("Content-Type", "application/json"), *headers])

    # -- failures --------------------------------------------------------------------------------

    def fail(self, fault):
        kind = fault["kind"]
        if kind == "status":
            headers = [("Retry-After", str(fault["retry_after"]))] if "retry_after" in fault else []
            self.send_json({"error": fault.get("error", "as asked")}, fault["status"], headers)
        elif kind == "slow":
            time.sleep(fault["seconds"])
            return False
        elif kind == "cut":            # the connection breaks after some bytes of the body, whose ETag may be
            #                            weak; or the range that is asked for next begins "shift" bytes too early
            self.fault = fault
            return False
        elif kind == "endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b'{"a": 1}\n' * 1000)
            except OSError:
                pass
            self.close_connection = True
        elif kind in ("damage", "short", "long", "drip"):
            self.fault = fault
            return False
        elif kind == "redirect":
            if self.server.server_port == ports[1]:
                return False
            self.send(302, b"", [("Location", "http://127.0.0.1:%d%s" % (ports[1], self.path))])
        elif kind == "location":
            self.send(302, b"", [("Location", fault["to"])])
        return True

    # -- answers ---------------------------------------------------------------------------------

    def do_GET(self):
        self.note()
        self.fault = None
        fault = fault_for(self.path)
        try:
            if fault and self.fail(fault):
                return
            self.answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self):
        url = urllib.parse.urlsplit(self.path)
        parts = [urllib.parse.unquote(p) for p in url.path.split("/")[1:]]
        query = dict(urllib.parse.parse_qsl(url.query))
        if parts[0] == "rows":
            return self.rows(query)
        if parts[0] == "splits":
            return self.splits(query)
        if parts[0] == "plain":
            return self.file(os.path.join(root, *parts))
        rest = parts[2:] if parts[0] == "api" else parts[1:]
        cut = next((i for i, p in enumerate(rest) if p in ("revision", "tree", "resolve")), None)
        repo = os.path.join(root, "--".join(rest[:cut]))
        if cut is None or not os.path.isdir(repo):
            return self.send_json({"error": "Repository not found"}, 404)
        with open(os.path.join(repo, "sha")) as f:
            sha = f.read().strip()
        what, where = rest[cut], rest[cut + 1]
        if where not in ("main", sha):
            return self.send_json({"error": "Invalid rev id: " + where}, 404)
        if what == "revision":
            return self.send_json({"sha": sha})
        if what == "tree":
            return self.tree(os.path.join(repo, "files"), query, url.path)
        return self.file(os.path.join(repo, "files", *rest[cut + 2:]))

    def tree(self, folder, query, path):
        out = []
        for base, _, names in os.walk(folder):
            for name in names:
                full = os.path.join(base, name)
                with open(full, "rb") as f:
                    body = f.read()
                x = {"type": "file", "path": os.path.relpath(full, folder), "size": len(body),
                     "oid": hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()}
                if len(body) > 1000:
                    x["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body)}
                out.append(x)
        out.sort(key=lambda x: x["path"])
        at, page = int(query.get("cursor", 0)), 2
        headers = []
        if at + page < len(out):
            here = self.server.server_port
            headers = [("Link", '<http%s://127.0.0.1:%d%s?recursive=true&cursor=%d>; rel="next"' % (
                "s" if here in ports[2:] else "", here, path, at + page))]
        self.send_json(out[at:at + page], headers=headers)

    def file(self, path):
        try:
            with open(path, "rb") as f:
                body = f.read()
        except OSError:
            return self.send_json({"error": "Entry not found"}, 404)
        fault = self.fault or {}
        etag = '%s"%s"' % ("W/" if fault.get("weak") else "", hashlib.md5(body).hexdigest())
        if fault.get("kind") == "damage":
            body = body[:-5] + b"XXXX\n"
        if fault.get("kind") == "long":
            body = body + body
        at, status, headers = 0, 200, [("ETag", etag)]
        asked = self.headers.get("Range")
        if asked and self.headers.get("If-Range") == etag:
            at, status = int(asked[6:-1]) - fault.get("shift", 0), 206
            headers.append(("Content-Range", "bytes %d-%d/%d" % (at, len(body) - 1, len(body))))
        body = body[at:]
        if fault.get("kind") == "short":   # says all is there, and it is not
            return self.send(status, body[:len(body) // 2], headers)
        if fault.get("kind") == "cut":
            self.send(status, body[:fault["bytes"]], headers, length=len(body))
            self.close_connection = True
            return None
        if fault.get("kind") == "drip":
            self.send(status, b"", headers, length=len(body))
            for i in range(0, len(body), fault["bytes"]):
                self.wfile.write(body[i:i + fault["bytes"]])
                self.wfile.flush()
                time.sleep(fault["seconds"])
            return None
        return self.send(status, body, headers)

    def viewer(self, dataset):
        return os.path.join(root, dataset.replace("/", "--"), "rows")

    def splits(self, query):
        folder, out = self.viewer(query["dataset"]), []
        if not os.path.isdir(folder):
            return self.send_json({"error": "The dataset does not exist"}, 404)
        for config in sorted(os.listdir(folder)):
            for split in sorted(os.listdir(os.path.join(folder, config))):
                out.append({"dataset": query["dataset"], "config": config, "split": split[:-5]})
        return self.send_json({"splits": out, "pending": [], "failed": []})

    def rows(self, query):
        folder = self.viewer(query["dataset"])
        try:
            with open(os.path.join(folder, query["config"], query["split"] + ".json")) as f:
                all_rows = json.load(f)
        except OSError:
            return self.send_json({"error": "no such split"}, 404)
        at, n = int(query["offset"]), int(query["length"])
        rows = [{"row_idx": at + i + all_rows.get("idx", 0), "row": r, "truncated_cells": all_rows.get("truncated", {}).get(str(at + i), [])}
                for i, r in enumerate(all_rows["rows"][at:at + n])]
        headers = []
        if all_rows.get("revision", True):
            with open(os.path.join(os.path.dirname(folder), "sha")) as f:
                headers = [("X-Revision", all_rows.get("sha") or f.read().strip())]
        return self.send_json({
            "features": [{"feature_idx": i, "name": k, "type": t} for i, (k, t) in enumerate(all_rows["features"])],
            "rows": rows, "num_rows_total": all_rows.get("total", len(all_rows["rows"])), "num_rows_per_page": 100,
            "partial": all_rows.get("partial", False)}, headers=headers)


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # who does not trust the certificate hangs up


servers = [Server(("127.0.0.1", 0), Hub) for _ in range(3 if pair else 2)]
if pair:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    servers[2].socket = context.wrap_socket(servers[2].socket, server_side=True, do_handshake_on_connect=False)
ports = [s.server_port for s in servers]
for s in servers:
    s.daemon_threads = True
    threading.Thread(target=s.serve_forever, daemon=True).start()
with open(port_file + ".tmp", "w") as f:
    f.write(" ".join(map(str, ports)) + "\n")
os.rename(port_file + ".tmp", port_file)
threading.Event().wait()
