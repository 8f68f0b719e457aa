"""The form that makes an enrolment token: shape only, the service judges sense."""

from django import forms

from agents.services.enrolment_tokens import MAX_DAYS, MAX_USES

DEFAULT_DAYS = 1
DEFAULT_USES = 50


class TokenForm(forms.Form):
    """Name, lifetime and number of hosts."""

    name = forms.CharField(label="Name", max_length=80, required=False)
    days = forms.IntegerField(
        label="Valid for (days)", min_value=1, max_value=MAX_DAYS, initial=DEFAULT_DAYS
    )
    max_uses = forms.IntegerField(
        label="Hosts at most", min_value=1, max_value=MAX_USES, initial=DEFAULT_USES
    )
