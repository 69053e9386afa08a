"""Images of a small shop and of its database, made of this machine's busybox: nothing is pulled.

They have the names that the guide to a web service has, and do what those would do. The database
keeps the number of its schema and answers whoever knows the password; `shop` is the program.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from ebbflow.devcluster.images import SEARCH_PATH, Image, busybox_layer, write_archive
from tests.support.tools import need

SHOP = "registry.example.com/acme/shop"
DATABASE = "docker.io/library/postgres:17"
GOOD = (("1.8.0", "1"), ("1.9.0", "2"))
"""Versions, each with the schema that it migrates to."""

BROKEN = "1.10.0"
COMPLAINT = 'ERROR: column "total" of relation "orders" contains null values'

_DATABASE = """\
#!/bin/sh
mkdir -p "$PGDATA"
exec nc -ll -p 5432 -e /bin/answer
"""
_ANSWER = """\
#!/bin/sh
read -r user password action value || exit 0
if [ "$user:$password" != "$POSTGRES_USER:$POSTGRES_PASSWORD" ]; then
  echo "FATAL: password authentication failed for user $user"
  exit 0
fi
[ "$action" = migrate ] && echo "$value" > "$PGDATA/schema"
cat "$PGDATA/schema" 2>&1
"""
_SHOP = f"""\
#!/bin/sh
ask() {{ echo "$DB_USER $DB_PASSWORD $*" | nc "$DB_HOST" 5432; }}
case $1 in
migrate)
  echo "migrating to schema $SCHEMA"
  if [ -z "$SCHEMA" ]; then
    echo 'ALTER TABLE orders ADD COLUMN total numeric NOT NULL'
    echo '{COMPLAINT}'
    exit 1
  fi
  answer=$(ask migrate "$SCHEMA")
  echo "$answer"
  [ "$answer" = "$SCHEMA" ] ;;
serve)
  mkdir -p /tmp/www
  echo "shop $VERSION, key of ${{#SESSION_KEY}} characters" > /tmp/www/index.html
  echo yes > /tmp/www/ready
  trap 'exit 0' TERM
  httpd -p 8080 -h /tmp/www
  while true; do sleep 1; done ;;
check)
  echo "schema $(ask schema)" ;;
esac
"""


def write_shop_archive(file: Path) -> None:
    """Write an archive with the database and every version of the shop."""
    versions = [*GOOD, (BROKEN, "")]
    shops = [
        Image(f"{SHOP}:{version}", ("sh",), (SEARCH_PATH, f"VERSION={version}", f"SCHEMA={schema}"))
        for version, schema in versions
    ]
    write_archive(file, _layer(), (Image(DATABASE, ("database",)), *shops))


def _layer() -> bytes:
    stream = io.BytesIO(busybox_layer(need("busybox", "install busybox-static")))
    with tarfile.open(fileobj=stream, mode="a") as layer:
        for name, script in (("database", _DATABASE), ("answer", _ANSWER), ("shop", _SHOP)):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.mode, entry.size = 0o755, len(script)
            layer.addfile(entry, io.BytesIO(script.encode()))
    return stream.getvalue()
