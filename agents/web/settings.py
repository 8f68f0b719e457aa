"""The page on which an administrator tells all agents how often to report and what to leave out."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from agents.facts.sections import SECTIONS
from agents.services.agent_config import agent_config_of, agent_config_set
from workbench.core.access.request import MemberRequest
from workbench.core.errors import Invalid

# The section on the agent itself is always sent: without it nothing could be judged.
COLLECTORS: Final = tuple(name for name in SECTIONS if name != "agent")
# The agents' protocol knows more options; the page offers those that today's agent serves.
OPTIONS: Final[Mapping[str, str]] = {
    "set_id_scan": "Look for set-user-id files in images",
    "content_scan": "Look into images for login services, shells and package managers",
}
CHOICES: Final = (("", "As the agent decides"), ("on", "On"), ("off", "Off"))


class AgentConfigForm(forms.Form):
    """Interval, collectors and options; the service and the agents judge the bounds again."""

    interval = forms.IntegerField(
        label="Seconds between reports", min_value=30, max_value=3_600, required=False
    )
    collectors = forms.MultipleChoiceField(
        label="What is read",
        choices=[(name, name.capitalize()) for name in COLLECTORS],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, words in OPTIONS.items():
            self.fields[name] = forms.ChoiceField(label=words, choices=CHOICES, required=False)

    @property
    def options(self) -> list[forms.BoundField]:
        """The fields of the options."""
        return [self[name] for name in OPTIONS]


@require_http_methods(["GET", "POST"])
def agent_settings(request: MemberRequest) -> HttpResponse:
    """What agents are told. POST tells them something else from their next report on."""
    held = agent_config_of(request.caller.workspace)
    is_sent = request.method == "POST"
    form = AgentConfigForm(request.POST if is_sent else None, initial=_initial(held.values))
    if is_sent and form.is_valid():
        try:
            values = _values(held.values, form.cleaned_data)
            agent_config_set(request.caller, values, now=timezone.now())
        except Invalid as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "Agents hear of it with their next report.")
            return redirect("agent-settings")
    context = {
        "form": form,
        "etag": held.etag,
        "default_interval": settings.HEARTBEAT_INTERVAL_SECONDS,
    }
    return render(request, "agent_settings.html", context, status=400 if form.errors else 200)


def _initial(values: Mapping[str, Any]) -> dict[str, Any]:
    collectors, options = values.get("collectors", {}), values.get("options", {})
    words = {True: "on", False: "off"}
    return {
        "interval": values.get("interval"),
        "collectors": [one for one in COLLECTORS if collectors.get(one, {}).get("on", True)],
        **{name: words.get(options.get(name), "") for name in OPTIONS},
    }


def _values(held: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """What is held, with what the form says of it; keys that the form does not show stay."""
    collectors = {name: dict(row) for name, row in held.get("collectors", {}).items()}
    for name in COLLECTORS:
        row = collectors.setdefault(name, {})
        row.pop("on", None)
        if name not in sent["collectors"]:
            row["on"] = False
    hidden = {name: on for name, on in held.get("options", {}).items() if name not in OPTIONS}
    options = hidden | {name: sent[name] == "on" for name in OPTIONS if sent[name]}
    kept = {name: value for name, value in held.items() if name not in {"interval", "options"}}
    kept["collectors"] = {name: row for name, row in collectors.items() if row}
    kept |= {"options": options} if options else {}
    return kept | ({"interval": sent["interval"]} if sent["interval"] else {})
