"""The form that makes an enrolment token: shape only, the service judges sense."""

import re

from django import forms

from agents.models import EnrolmentToken
from agents.services.enrolment_tokens import MAX_DAYS, MAX_USES

DEFAULT_DAYS = 1
DEFAULT_USES = 50


class TokenForm(forms.Form):
    """Name, lifetime, number of hosts, and what the token gives and demands."""

    name = forms.CharField(label="Name", max_length=80, required=False)
    days = forms.IntegerField(
        label="Valid for (days)", min_value=1, max_value=MAX_DAYS, initial=DEFAULT_DAYS
    )
    max_uses = forms.IntegerField(
        label="Hosts at most", min_value=1, max_value=MAX_USES, initial=DEFAULT_USES
    )
    mode = forms.ChoiceField(
        label="Its hosts are",
        choices=EnrolmentToken.Mode.choices,
        initial=EnrolmentToken.Mode.AUTO,
        required=False,
    )
    labels = forms.CharField(
        label="Labels for them",
        max_length=2_000,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "env=prod, rack=4", "autocomplete": "off"}),
    )
    networks = forms.CharField(
        label="Only from these networks",
        max_length=1_000,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "10.2.0.0/16", "autocomplete": "off"}),
    )

    def clean_networks(self) -> list[str]:
        """The networks, separated by blanks or commas."""
        return [word for word in re.split(r"[\s,]+", self.cleaned_data["networks"]) if word]

    def clean_mode(self) -> str:
        """The mode, active at once when none was sent."""
        return self.cleaned_data["mode"] or str(EnrolmentToken.Mode.AUTO)
