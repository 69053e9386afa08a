"""The types of addons that a plain StatefulSet can be: images, ports, volumes and first credentials.

The images are those of Docker's library (and MinIO's own); what each takes is on their pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ebbflow.api.base import JsonObject

USERNAME: Final = "USERNAME"
PASSWORD: Final = "PASSWORD"  # noqa: S105
DATABASE: Final = "DATABASE"
HOST: Final = "HOST"
PORT: Final = "PORT"

LIBRARY_USER: Final = 999
"""Whom the library's images on Debian run their servers as."""


@dataclass(frozen=True, slots=True)
class AddonType:
    """One type. `credentials`: which variable of the image has which key of the credentials.

    `user`: whom the server runs as, and who owns its volume. `first_user`: the name of its first
    account. `settings`: other variables.
    """

    image: str
    port: int
    path: str
    credentials: Mapping[str, str]
    user: int = LIBRARY_USER
    first_user: str = "app"
    settings: Mapping[str, str] | None = None
    args: tuple[str, ...] = ()

    def container(self, name: str, secret: str, volume: str) -> JsonObject:
        """Return what its container needs beside the image."""
        own = [{"name": key, "value": value} for key, value in (self.settings or {}).items()]
        from_secret = [
            {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
            for variable, key in self.credentials.items()
        ]
        made: JsonObject = {
            "name": name,
            "env": [*own, *from_secret],
            "ports": [{"name": "main", "containerPort": self.port}],
            "volumeMounts": [{"name": volume, "mountPath": self.path}],
            "readinessProbe": {"tcpSocket": {"port": self.port}, "periodSeconds": 5},
        }
        return made | ({"args": list(self.args)} if self.args else {})


def _of_mysql(prefix: str) -> dict[str, str]:
    return {
        f"{prefix}_USER": USERNAME,
        f"{prefix}_PASSWORD": PASSWORD,
        f"{prefix}_ROOT_PASSWORD": PASSWORD,
        f"{prefix}_DATABASE": DATABASE,
    }


TYPES: Final[Mapping[str, AddonType]] = {
    "postgresql": AddonType(
        image="docker.io/library/postgres",
        port=5432,
        # Not data/ below it, where images before 18 declare a volume of their own.
        path="/var/lib/postgresql",
        credentials={
            "POSTGRES_USER": USERNAME,
            "POSTGRES_PASSWORD": PASSWORD,
            "POSTGRES_DB": DATABASE,
        },
        settings={"PGDATA": "/var/lib/postgresql/pgdata"},
    ),
    "mysql": AddonType(
        image="docker.io/library/mysql",
        port=3306,
        path="/var/lib/mysql",
        credentials=_of_mysql("MYSQL"),
    ),
    "mariadb": AddonType(
        image="docker.io/library/mariadb",
        port=3306,
        path="/var/lib/mysql",
        credentials=_of_mysql("MARIADB"),
    ),
    "mongodb": AddonType(
        image="docker.io/library/mongo",
        port=27017,
        path="/data/db",
        credentials={
            "MONGO_INITDB_ROOT_USERNAME": USERNAME,
            "MONGO_INITDB_ROOT_PASSWORD": PASSWORD,
        },
    ),
    "redis": AddonType(
        image="docker.io/library/redis",
        port=6379,
        path="/data",
        credentials={"REDIS_PASSWORD": PASSWORD},
        first_user="default",
        args=("redis-server", "--appendonly", "yes", "--requirepass", "$(REDIS_PASSWORD)"),
    ),
    "rabbitmq": AddonType(
        image="docker.io/library/rabbitmq",
        port=5672,
        path="/var/lib/rabbitmq",
        credentials={"RABBITMQ_DEFAULT_USER": USERNAME, "RABBITMQ_DEFAULT_PASS": PASSWORD},
    ),
    "minio": AddonType(
        image="docker.io/minio/minio",
        port=9000,
        path="/data",
        credentials={"MINIO_ROOT_USER": USERNAME, "MINIO_ROOT_PASSWORD": PASSWORD},
        user=1000,
        args=("server", "/data"),
    ),
}
