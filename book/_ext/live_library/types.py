"""Types that have no names of their own."""

import sys


class _Class:
    def method(self):
        """Do nothing."""


NoneType, EllipsisType, NotImplementedType = type(None), type(...), type(NotImplemented)
FunctionType = LambdaType = type(lambda: None)
MethodType = type(_Class().method)
CodeType = type((lambda: None).__code__)
BuiltinFunctionType = type(len)
GeneratorType = type(thing for thing in ())
ModuleType = type(sys)
MappingProxyType = dict
