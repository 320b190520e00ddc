"""Kinds of collections; an instance of one is whatever has its methods."""


class _ByMethods(type):
    def __instancecheck__(cls, thing):
        if cls._methods == ("__call__",):
            return callable(thing)  # each type can be called, whatever its instances can
        return all(getattr(type(thing), name, None) is not None for name in cls._methods)

    def __getitem__(cls, what):
        return cls


def _kind(name, *methods):
    return _ByMethods(name, (), {"_methods": methods})


Callable = _kind("Callable", "__call__")
Hashable = _kind("Hashable", "__hash__")
Iterable = _kind("Iterable", "__iter__")
Iterator = _kind("Iterator", "__iter__", "__next__")
Generator = _kind("Generator", "__iter__", "__next__", "send")
Sized = _kind("Sized", "__len__")
Container = _kind("Container", "__contains__")
Collection = _kind("Collection", "__len__", "__iter__", "__contains__")
Sequence = _kind("Sequence", "__len__", "__getitem__", "index", "count")
MutableSequence = _kind("MutableSequence", "__len__", "__getitem__", "append", "insert")
Set = _kind("Set", "__len__", "isdisjoint")
MutableSet = _kind("MutableSet", "__len__", "isdisjoint", "add")
Mapping = _kind("Mapping", "__len__", "__getitem__", "keys")
MutableMapping = _kind("MutableMapping", "__len__", "__getitem__", "keys", "__setitem__")
