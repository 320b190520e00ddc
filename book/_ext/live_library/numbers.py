"""Kinds of numbers: what Python itself counts as one."""


class _OneOf(type):
    def __instancecheck__(cls, thing):
        return isinstance(thing, cls._kinds)


Number = Complex = _OneOf("Number", (), {"_kinds": (int, float, complex)})
Real = _OneOf("Real", (), {"_kinds": (int, float)})
Integral = Rational = _OneOf("Integral", (), {"_kinds": (int,)})
