"""Workspaces with one member per role, and agents that join them through the real door."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.test import Client, TestCase

from agents.models import EnrolmentToken
from agents.services.enrolment_tokens import hash_of
from tests.support.wire_agent import Answer, WireAgent
from workbench.core.access.request import Caller
from workbench.core.models import Membership, Role, User, Workspace

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Estate:
    """One workspace with one member per role."""

    workspace: Workspace
    members: Mapping[Role, Membership]

    def caller(self, role: Role = Role.ADMIN) -> Caller:
        """The member of that role as a caller of services."""
        return Caller(self.members[role].user, self.members[role])

    def browser(self, role: Role = Role.ADMIN) -> Client:
        """A test client signed in as the member of that role."""
        client = Client()
        client.force_login(
            self.members[role].user, backend="allauth.account.auth_backends.AuthenticationBackend"
        )
        return client


def make_estate(name: str = "Platform security") -> Estate:
    """A new workspace with an administrator, analyst, reviewer and remediation owner."""
    workspace = Workspace.objects.create(name=name)
    members = {}
    for role in Role:
        user = User.objects.create_user(f"{role}-{secrets.token_hex(4)}@example.org")
        members[role] = Membership.objects.create(user=user, workspace=workspace, role=role)
    return Estate(workspace, members)


def enrolment_secret(workspace: Workspace, *, max_uses: int = 1_000) -> str:
    """A usable enrolment token of the workspace."""
    secret = f"ue_{secrets.token_hex(12)}"
    now = datetime.now(tz=UTC)
    EnrolmentToken.unscoped.create(
        workspace=workspace,
        name="tests",
        secret_hash=hash_of(secret),
        max_uses=max_uses,
        expires_at=now + timedelta(days=1),
    )
    return secret


def client_post(path: str, raw: bytes, headers: Mapping[str, str]) -> Answer:
    """The wire of a ``WireAgent`` through Django's test client; what waits for a commit happens."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        response = Client().post(path, raw, content_type="application/json", headers=headers)
    body = json.loads(response.content) if response.content else None
    return Answer(response.status_code, body)


def enrolled_agent(estate: Estate, *, name: str = "host-a") -> WireAgent:
    """An agent that has joined the workspace."""
    agent = WireAgent(client_post, name=name)
    answer = agent.enrol(enrolment_secret(estate.workspace))
    assert answer.status == 201, answer
    return agent
