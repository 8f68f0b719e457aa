"""The form that makes an enrolment token: shape only, the service judges sense."""

from django import forms

from agents.models import EnrolmentToken
from agents.services.enrolment_tokens import MAX_DAYS, MAX_USES

DEFAULT_DAYS = 1
DEFAULT_USES = 50


class TokenForm(forms.Form):
    """Name, lifetime, number of hosts, and whether they wait for approval."""

    name = forms.CharField(label="Name", max_length=80, required=False)
    days = forms.IntegerField(
        label="Valid for (days)", min_value=1, max_value=MAX_DAYS, initial=DEFAULT_DAYS
    )
    max_uses = forms.IntegerField(
        label="Hosts at most", min_value=1, max_value=MAX_USES, initial=DEFAULT_USES
    )
    mode = forms.ChoiceField(
        label="A host that joins is",
        choices=EnrolmentToken.Mode.choices,
        initial=EnrolmentToken.Mode.AUTO,
    )
