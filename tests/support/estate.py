"""A workspace with hosts that reported, made through the services that agents and workers use."""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from agents.facts.canonical import canonical_bytes, digest, root_digest
from agents.models import Host, HostLive
from agents.services.enrolment import Application, host_enrol
from agents.services.enrolment_tokens import token_make
from agents.services.index import IndexMessage, index_take
from assessments.services.host_judge import host_judge
from tests.unit.facts.sample_documents import load, parts_of, sections_of
from workbench.core.access.request import Caller
from workbench.core.models import Membership, Role, User, Workspace

PASSWORD = "correct horse battery staple"
Change = Callable[[dict[str, Any]], None]


@dataclass
class Estate:
    """One workspace with an administrator; hosts are added as agents add them."""

    workspace: Workspace
    admin: Membership
    now: datetime
    secret: str = field(default="")

    @property
    def caller(self) -> Caller:
        """The administrator, acting."""
        return Caller(self.admin.user, self.admin)

    def member(self, role: Role) -> Membership:
        """Another person with this role."""
        return member_of(self.workspace, f"second-{role}@{self.workspace.pk}.example", role=role)

    def host(self, name: str, *, sample: str = "as-found", change: Change | None = None) -> Host:
        """Enrol a host, take its facts, and judge them."""
        if not self.secret:
            self.secret = token_make(
                self.caller, name="first", days=1, max_uses=9_999, mode="auto", now=self.now
            )[1]
        enrolled = host_enrol(application(name, token=self.secret), now=self.now)
        document = load(sample)
        if change is not None:
            change(document)
        self.report(enrolled.host, document, number=1)
        enrolled.host.refresh_from_db()
        return enrolled.host

    def report(self, host: Host, document: dict[str, Any], *, number: int) -> None:
        """Take an index with these facts, and judge the host as a worker does."""
        index_take(host.pk, message_of(document, number=number), now=self.now)
        store = host_judge(str(host.pk))
        if store is not None:
            with transaction.atomic():
                store()

    def silence(self, host: Host, *, for_: timedelta) -> None:
        """Put the last sign of life into the past."""
        HostLive.objects.filter(host=host).update(last_seen=self.now - for_)


def new_estate(name: str, *, now: datetime) -> Estate:
    """An empty workspace with its administrator."""
    workspace = Workspace.objects.create(name=name)
    admin = member_of(workspace, f"admin@{workspace.pk}.example", role=Role.ADMIN)
    return Estate(workspace, admin, now)


def member_of(workspace: Workspace, email: str, *, role: Role) -> Membership:
    """A person who can sign in with ``PASSWORD``."""
    user = User.objects.create_user(email, PASSWORD)
    return Membership.objects.create(user=user, workspace=workspace, role=role)


def application(name: str, *, token: str) -> Application:
    """What an agent sends when it enrols."""
    return Application(
        token=token,
        nonce=secrets.token_hex(8),
        secret_hash=hashlib.sha256(secrets.token_bytes(32)).hexdigest(),
        name=name,
        fingerprint="",
        labels={"env": "prod"},
        agent_version="0.1.0",
    )


def message_of(document: dict[str, Any], *, number: int) -> IndexMessage:
    """The index of a document, with every body inline."""
    bodies: dict[str, bytes] = {}
    sections = {name: _keep(body, bodies) for name, body in sections_of(document).items()}
    containers = [
        (part.key, _keep(part.identity, bodies), _keep(part.posture, bodies))
        for part in parts_of(document)
    ]
    pairs = {key: [identity, posture] for key, identity, posture in containers}
    return IndexMessage(number, root_digest(dict(sections), pairs), sections, containers, bodies)


def renamed(document: dict[str, Any], name: str) -> None:
    """Give the first container another name."""
    document["containers"][0]["name"] = name


def replicas(count: int) -> Change:
    """A change that gives the document ``count`` containers, copies of its first ones."""

    def change(document: dict[str, Any]) -> None:
        originals: Iterable[dict[str, Any]] = list(document["containers"])
        copies = []
        for place in range(count):
            copy = json.loads(json.dumps(list(originals)[place % len(list(originals))]))
            copy["key"] = f"{place:012x}"
            copy["id"] = f"{place:064x}"
            copy["name"] = f"{copy.get('name') or 'unnamed'}-{place}"
            copies.append(copy)
        document["containers"] = copies

    return change


def _keep(body: Any, bodies: dict[str, bytes]) -> str:
    raw = canonical_bytes(body)
    bodies[digest(raw)] = raw
    return digest(raw)
