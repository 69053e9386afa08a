"""Stands in for `ebbflow operator`: listens, says so in its log, and obeys SIGTERM.

FAKE_OPERATOR=broken ends at once, =deaf ignores SIGTERM, =unready never gets ready.
"""

from __future__ import annotations

import http.server
import json
import os
import signal
import sys

MODE = os.environ.get("FAKE_OPERATOR", "")
METRICS = """\
# TYPE ebbflow_syncs_total counter
ebbflow_syncs_total{result="Done",kind="Template"} 3.0
ebbflow_syncs_total{result="Stalled",kind="Template"} 1.0
# TYPE ebbflow_leader gauge
ebbflow_leader 1.0
"""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code = 503 if MODE == "unready" and self.path == "/readyz" else 200
        body = METRICS if self.path == "/metrics" else f"status {code}"
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def stop(*_):
    if MODE != "deaf":
        sys.exit(0)


def main():
    say("not JSON: a line of the interpreter")
    say(json.dumps({"msg": "begin", "arguments": sys.argv[1:], "home": os.environ["HOME"]}))
    if MODE == "broken":
        sys.exit("cannot reach the API server")
    signal.signal(signal.SIGTERM, stop)
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    where = f"127.0.0.1:{server.server_port}"
    say(json.dumps({"msg": "listening: on", "health": where, "metrics": where}))
    server.serve_forever()


if __name__ == "__main__":
    main()
