"""Errors that a caller is meant to see: a code, a sentence, and the HTTP status that fits."""


class DomainError(Exception):
    """Something the caller asked for cannot be done; nothing was changed."""

    status = 400
    code = "invalid"

    def __init__(self, message: str, *, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields or {}

    def as_body(self) -> dict[str, object]:
        """The one JSON error body of the product."""
        return {"error": {"code": self.code, "message": self.message, "fields": self.fields}}


class Invalid(DomainError):
    """The input makes no sense; ``fields`` says where."""


class NotFound(DomainError):
    """It does not exist, or not for this caller."""

    status = 404
    code = "not_found"


class Forbidden(DomainError):
    """The caller's role does not allow this."""

    status = 403
    code = "forbidden"


class Unauthenticated(DomainError):
    """Nobody is signed in, or the token is not known."""

    status = 401
    code = "unauthenticated"


class Conflict(DomainError):
    """Somebody else was first; read again and decide."""

    status = 409
    code = "conflict"


class Gone(DomainError):
    """It existed and will not come back."""

    status = 410
    code = "gone"


class TooLarge(DomainError):
    """The body is larger than this endpoint takes."""

    status = 413
    code = "too_large"


class Unsupported(DomainError):
    """The content type or encoding is not one this endpoint takes."""

    status = 415
    code = "unsupported"


class TooMany(DomainError):
    """The caller is too fast; ``retry_after_seconds`` is a floor."""

    status = 429
    code = "too_many"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(DomainError):
    """We are full, or something that we need is away; ``retry_after_seconds`` is a floor."""

    status = 503
    code = "unavailable"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
