"""Classes that are made of their fields."""

MISSING = object()


class FrozenInstanceError(AttributeError):
    """A field of a frozen object was set."""


class Field:
    """What is known of a field."""

    def __init__(self, default=MISSING, default_factory=MISSING, init=True, repr=True):
        self.default, self.default_factory, self.init, self.repr = default, default_factory, init, repr
        self.name = ""

    def missing(self, owner):
        """Return the value of a field for which none was given."""
        if self.default_factory is not MISSING:
            return self.default_factory()
        if self.default is MISSING:
            raise TypeError(f"{owner}.__init__() missing 1 required positional argument: {self.name!r}")
        return self.default


def field(*, default=MISSING, default_factory=MISSING, init=True, repr=True):
    """Return a field with more to it than a default."""
    return Field(default, default_factory, init, repr)


def dataclass(cls=None, *, eq=True, repr=True, frozen=False):
    """Return the class with methods that its fields ask for."""

    def made(cls):
        cls.__dataclass_fields__ = _fields(cls)
        cls.__init__ = _init
        if repr and "__repr__" not in cls.__dict__:
            cls.__repr__ = _repr
        if eq:
            cls.__eq__ = _eq
            cls.__hash__ = _hash if frozen else None
        if frozen:
            cls.__setattr__ = cls.__delattr__ = _refuse
        return cls

    return made if cls is None else made(cls)


def _fields(cls):
    fields = {}
    for name in cls.__annotations__:
        given = cls.__dict__.get(name, MISSING)
        fields[name] = given if isinstance(given, Field) else Field(given)
        fields[name].name = name
        if isinstance(given, Field):
            delattr(cls, name)
            if given.default is not MISSING:
                setattr(cls, name, given.default)
    return fields


def _init(self, *args, **named):
    owner, fields = type(self).__name__, self.__dataclass_fields__
    names = [name for name in fields if fields[name].init]
    if len(args) > len(names):
        raise TypeError(f"{owner}.__init__() takes {len(names)} arguments but {len(args)} were given")
    values = dict(zip(names, args, strict=False))  # the fields that are left have defaults or names
    for name, value in named.items():
        if name not in names or name in values:
            raise TypeError(f"{owner}.__init__() got an unexpected keyword argument {name!r}")
        values[name] = value
    for name, one in fields.items():
        object.__setattr__(self, name, values[name] if name in values else one.missing(owner))
    if hasattr(self, "__post_init__"):
        self.__post_init__()


def _repr(self):
    fields = self.__dataclass_fields__.values()
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields if one.repr)
    return f"{type(self).__qualname__}({shown})"


def _values(self):
    return tuple(getattr(self, name) for name in self.__dataclass_fields__)


def _eq(self, other):
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self):
    return hash(_values(self))


def _refuse(self, name, *value):
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def replace(thing, **changes):
    """Return a copy of a thing with other values in some fields."""
    kept = {name: getattr(thing, name) for name, one in thing.__dataclass_fields__.items() if one.init}
    return type(thing)(**{**kept, **changes})
