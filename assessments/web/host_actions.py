"""Forms of the hosts' pages: label, approve, retire, revoke; one host, some, or all that match."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from agents.models import Host
from agents.selectors.population import silence_of
from agents.services import hosts as services
from agents.services.host_assignment import Assignment, host_assign
from agents.services.labels import labels_from
from assessments.selectors.host_filters import hosts_matching
from assessments.web.filters import host_filters
from workbench.core.access.request import Caller, MemberRequest
from workbench.core.access.table import allowed
from workbench.core.errors import DomainError, Invalid, NotFound
from workbench.core.web.middleware import is_storable

NAMES_SHOWN: Final = 12
MAX_QUERY: Final = 2_000


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that can be done to hosts, in the words of the page.

    ``done`` takes the number of hosts. A step with a ``question`` is asked for again first.
    """

    service: Callable[..., int]
    done: str
    question: str = ""
    consequences: tuple[str, ...] = ()
    button: str = ""


STEPS: Final[Mapping[str, Step]] = {
    "approve": Step(services.host_approve, "let in"),
    "rotate": Step(services.agent_rotate, "asked for a new key at the next report"),
    "retire": Step(
        services.host_retire,
        "retired",
        "Retire",
        (
            "The agent is told to stop, and erases its key.",
            "Its containers and findings leave every list and number. What was seen stays stored.",
            "There is no way back but to enrol the machine again, as another host.",
        ),
        "Retire",
    ),
    "revoke": Step(
        services.agent_revoke,
        "may send nothing more",
        "Take back the key of",
        (
            "The agent is refused from its next report on, and asks again every six hours.",
            "What it said last stays on the pages and grows old.",
            "You can let the key hold again later, unless it was stolen: then enrol anew.",
        ),
        "Take the key back",
    ),
    "restore": Step(
        services.agent_restore,
        "may report again with the old key",
        "Let the old key hold again for",
        ("Whoever has the key may report as this host. Do this only when it was not stolen.",),
        "Let the key hold again",
    ),
    "resolve": Step(
        services.host_resolve_fork,
        "reports under its own identity again",
        "Take facts again from",
        (
            "The machine that reports next is taken for the host.",
            "If the other machine still has the key, both are seen again within minutes.",
        ),
        "One machine is left",
    ),
}


@dataclass(frozen=True, slots=True)
class Rights:
    """Which forms the caller may send, by the permission table."""

    may_assign: bool
    may_move: bool


def rights_of(caller: Caller) -> Rights:
    """The caller's rights on hosts."""
    role = caller.membership.role
    return Rights(
        may_assign=role in allowed("hosts-assign", method="POST"),
        may_move=role in allowed("hosts-move", method="POST"),
    )


@require_POST
def hosts_assign(request: MemberRequest) -> HttpResponse:
    """Say how critical hosts are, give and take labels."""
    try:
        ids = chosen(request)
        count = host_assign(request.caller, ids, _assignment(request.POST), now=timezone.now())
        words = "nothing to change: it was so before" if not count else f"{_hosts(count)} changed"
        messages.success(request, f"{words[:1].upper()}{words[1:]}.")
    except DomainError as error:
        _tell(request, error)
    return back(request)


@require_POST
def hosts_move(request: MemberRequest) -> HttpResponse:
    """Approve, retire, revoke; what cannot be undone is asked for again on a page of its own."""
    name = request.POST.get("do", "")
    step = STEPS.get(name)
    if step is None:
        raise Http404
    try:
        ids = chosen(request)
        if step.question and not is_confirmed(request, ids):
            return _ask(request, name, step, ids)
        count = step.service(request.caller, ids, now=timezone.now())
        messages.success(request, f"{_hosts(count)} {step.done}.")
    except DomainError as error:
        _tell(request, error)
    return back(request)


def chosen(request: MemberRequest) -> list[uuid.UUID]:
    """The hosts that the form names, or all that match the filters that came along.

    Raises:
        Invalid: for none at all, or more than can be changed at once.
        NotFound: for an id that is none.
    """
    if request.POST.get("scope") == "matching":
        workspace = request.caller.workspace
        silence = silence_of(workspace, now=timezone.now())
        filters = host_filters(_filters(request.POST))
        rows = hosts_matching(workspace, filters, silence=silence)
        return list(rows.order_by("pk").values_list("pk", flat=True)[: services.MAX_HOSTS + 1])
    try:
        return [uuid.UUID(word) for word in request.POST.getlist("host")]
    except ValueError:
        message = "no such host"
        raise NotFound(message) from None


def is_confirmed(request: MemberRequest, ids: Sequence[uuid.UUID]) -> bool:
    """True when the person saw this very number of hosts and said yes."""
    return request.POST.get("confirmed") == str(len(set(ids)))


def back(request: MemberRequest) -> HttpResponseRedirect:
    """To the host the form came from, else to the list as it was filtered."""
    try:
        origin = uuid.UUID(request.POST.get("origin", ""))
        return redirect("host", pk=origin)
    except ValueError:
        query = _filters(request.POST).urlencode()
        return redirect(f"{reverse('hosts')}?{query}" if query else reverse("hosts"))


def _ask(request: MemberRequest, name: str, step: Step, ids: Sequence[uuid.UUID]) -> HttpResponse:
    """The page that asks once more, with everything the form said."""
    rows = Host.objects.of(request.caller.workspace).filter(pk__in=ids).order_by("name", "pk")
    names = list(rows.values_list("name", flat=True)[:NAMES_SHOWN])
    count = rows.count()
    if not ids or count != len(set(ids)):
        error: DomainError = Invalid("choose at least one host") if not ids else NotFound("no host")
        raise error
    keys = ("do", "scope", "query", "origin")
    kept = [(key, word) for key in keys for word in request.POST.getlist(key) if word]
    if request.POST.get("scope") != "matching":
        kept += [("host", str(pk)) for pk in ids]
    what = names[0] if count == 1 else f"{count} hosts"
    context = {
        "question": f"{step.question} {what}?",
        "consequences": step.consequences,
        "button": step.button,
        "names": names if count > 1 else [],
        "more": count - len(names),
        "action": reverse("hosts-move"),
        "hidden": [*kept, ("confirmed", str(count))],
        "cancel": back(request).url,
        "changed": bool(request.POST.get("confirmed")),
    }
    return render(request, "confirm.html", context)


def _assignment(form: QueryDict) -> Assignment:
    """What the form asks for: its button says which of the fields counts."""
    wanted = form.get("do", "")
    if wanted == "criticality":
        if not form.get("criticality"):
            message = "choose how critical the hosts are"
            raise Invalid(message)
        return Assignment(criticality=form.get("criticality", ""))
    text = form.get("label", "").strip()
    if wanted not in {"label", "unlabel"} or not text:
        message = "write a label such as env=prod"
        raise Invalid(message)
    if wanted == "label":
        return Assignment(add=labels_from(text))
    return Assignment(remove=[part.partition("=")[0].strip() for part in text.split(",")])


def _filters(form: QueryDict) -> QueryDict:
    """The address of the list that the form came from, or the whole list when it is no address."""
    found = QueryDict(form.get("query", "")[:MAX_QUERY])
    texts = (text for name, words in found.lists() for text in (name, *words))
    return found if all(is_storable(text) for text in texts) else QueryDict()


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count} hosts"


def _tell(request: MemberRequest, error: DomainError) -> None:
    """A sentence on the next page; 404 for what is not there, as everywhere.

    Raises:
        Http404: for hosts that are not in the workspace.
    """
    if isinstance(error, NotFound):
        raise Http404
    messages.error(request, f"{error.message[:1].upper()}{error.message[1:]}.")
