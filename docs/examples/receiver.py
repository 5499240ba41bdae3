"""A receiver of ivrd's webhooks in the standard library: SECRET=whsec_… python receiver.py 8500. Keeps what it took in taken.db."""

import base64
import hmac
import json
import os
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

KEY = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
DB = sqlite3.connect(os.environ.get("DB", "taken.db"))
DB.execute("CREATE TABLE IF NOT EXISTS taken (id TEXT PRIMARY KEY, type TEXT, data TEXT)")


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("content-length", 0)), 1_000_000))
        self.send_response(self.take(body))
        self.end_headers()

    def take(self, body: bytes) -> int:
        message_id, sent_at = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "")
        wanted = b"v1," + base64.b64encode(hmac.digest(KEY, f"{message_id}.{sent_at}.".encode() + body, "sha256"))
        given = self.headers.get("webhook-signature", "").encode().split()
        if not any(hmac.compare_digest(wanted, one) for one in given) or abs(time.time() - int(sent_at)) > 300:
            return 401  # forged, or an old one replayed
        message = json.loads(body)
        with DB:  # the same id again is the same message: stored once, answered 200 again
            DB.execute("INSERT OR IGNORE INTO taken VALUES (?, ?, ?)", (message_id, message["type"], json.dumps(message["data"])))
        return 200


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
