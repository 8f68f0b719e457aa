"""Plain values with named fields: what the standard library's dataclasses would cost in memory
(its imports take the parent 1.3 MB) for the little that is needed here."""


class Record:
    """A base class. Fields are the annotated names of the subclass in their order; a class as the
    default (``dict``) stands for a new one of it each time. Raises TypeError as a call would."""

    def __init_subclass__(cls):
        cls.fields = tuple(cls.__annotations__)

    def __init__(self, *values, **named):
        given = dict(zip(self.fields, values))
        if len(values) > len(self.fields) or not named.keys() <= set(self.fields) - given.keys():
            text = "%s() takes each of: %s" % (type(self).__name__, " ".join(self.fields))
            raise TypeError(text)
        given.update(named)
        for name in self.fields:
            setattr(self, name, given[name] if name in given else self._default(name))

    def _default(self, name):
        try:
            default = getattr(type(self), name)
        except AttributeError:
            text = "%s() needs %s" % (type(self).__name__, name)
            raise TypeError(text) from None
        return default() if isinstance(default, type) else default

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None

    def __repr__(self):
        inside = ", ".join("%s=%r" % pair for pair in vars(self).items())
        return "%s(%s)" % (type(self).__name__, inside)
