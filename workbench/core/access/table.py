"""The permission table: every route of the product and who may use it. Nothing else decides.

Deny by default: a route that is not listed is refused at run time, and fails the build
(``tests/security/test_permission_table.py`` reads the routes from the resolver). Keys are route
names; a method can be listed apart as ``"POST name"``, which then wins over the plain name.
"""

from typing import Final

from workbench.core.access.principals import ROLES, Principal

ANYONE: Final = frozenset({Principal.ANYONE})
SIGNED_IN: Final = frozenset({Principal.SIGNED_IN})
MEMBERS: Final = ROLES
WORKERS: Final = frozenset({Principal.ADMIN, Principal.ANALYST})
ADMINS: Final = frozenset({Principal.ADMIN})
AGENTS: Final = frozenset({Principal.AGENT})

CORE_ROUTES: Final = {
    # signing in and out (allauth)
    "account_login": ANYONE,
    "account_logout": SIGNED_IN,
    "account_reauthenticate": SIGNED_IN,
    "account_change_password": SIGNED_IN,
    "account_set_password": SIGNED_IN,
    "account_inactive": ANYONE,
    "account_email": SIGNED_IN,
    "account_reset_password": ANYONE,
    "account_reset_password_done": ANYONE,
    "account_reset_password_from_key": ANYONE,
    "account_reset_password_from_key_done": ANYONE,
    "account_confirm_email": ANYONE,
    "account_email_verification_sent": ANYONE,
    "account_confirm_login_code": ANYONE,
    "account_signup": ANYONE,  # answers "closed": people are invited, see accounts.adapter
    "one-time-login": ANYONE,
    "mfa_index": SIGNED_IN,
    "mfa_authenticate": ANYONE,
    "mfa_reauthenticate": SIGNED_IN,
    "mfa_reauthenticate_webauthn": SIGNED_IN,
    "mfa_activate_totp": SIGNED_IN,
    "mfa_deactivate_totp": SIGNED_IN,
    "mfa_view_recovery_codes": SIGNED_IN,
    "mfa_generate_recovery_codes": SIGNED_IN,
    "mfa_download_recovery_codes": SIGNED_IN,
    "mfa_list_webauthn": SIGNED_IN,
    "mfa_add_webauthn": SIGNED_IN,
    "mfa_remove_webauthn": SIGNED_IN,
    "mfa_edit_webauthn": SIGNED_IN,
    "choose-workspace": SIGNED_IN,
    "csp-report": ANYONE,
    "health": ANYONE,
}

AGENT_ROUTES: Final = {
    "ingest:enrol": AGENTS,
    "ingest:heartbeat": AGENTS,
    "ingest:index": AGENTS,
    "ingest:blobs": AGENTS,
    "ingest:events": AGENTS,
    "ingest:rotate": AGENTS,
    "ingest:config": AGENTS,
    "ingest:latest": AGENTS,
    "agent-daemonset": ANYONE,  # the server's address and nothing secret
    "agent-download": ANYONE,  # the program itself is no secret; its digest is on the page
}

PAGE_ROUTES: Final = {
    "overview": MEMBERS,
    "hosts": MEMBERS,
    "hosts-assign": WORKERS,
    "hosts-move": ADMINS,
    "host": MEMBERS,
    "containers": MEMBERS,
    "container": MEMBERS,
    "findings": MEMBERS,
    "finding": MEMBERS,
    "reports": MEMBERS,
    "POST reports": WORKERS | {Principal.REVIEWER},
    "report": MEMBERS,
    "report-pdf": MEMBERS,
    "enrol": ADMINS,
    "agent-settings": ADMINS,
    "enrol-arrivals": ADMINS,
    "revoke-enrolment-token": ADMINS,
    "api-tokens": MEMBERS,
    "revoke-api-token": MEMBERS,
}

API_ROUTES: Final = {
    "api:schema": MEMBERS,
    "api:docs": MEMBERS,
    "api:host-list": MEMBERS,
    "api:host-detail": MEMBERS,
    "api:host-events": MEMBERS,
    "PATCH api:host-detail": WORKERS,
    "api:host-approve": ADMINS,
    "api:host-retire": ADMINS,
    "api:host-revoke-key": ADMINS,
    "api:container-list": MEMBERS,
    "api:container-detail": MEMBERS,
    "api:finding-list": MEMBERS,
    "api:finding-detail": MEMBERS,
    "api:check-list": MEMBERS,
    "api:check-detail": MEMBERS,
    "api:report-list": MEMBERS,
    "POST api:report-list": WORKERS | {Principal.REVIEWER},
    "api:report-detail": MEMBERS,
    "api:report-pdf": MEMBERS,
}

ROUTES: Final = CORE_ROUTES | AGENT_ROUTES | PAGE_ROUTES | API_ROUTES


def allowed(route: str, *, method: str) -> frozenset[Principal]:
    """Who may use ``route`` with ``method``; nobody when the route is not listed."""
    return ROUTES.get(f"{method} {route}", ROUTES.get(route, frozenset()))
