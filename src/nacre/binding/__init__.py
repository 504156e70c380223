"""What a user's function asks for, and the call that gives it; settled once, at startup."""

from nacre.binding.handler import Bound, bind
from nacre.binding.injection import Injection
from nacre.binding.inputs import Input
from nacre.binding.marks import MISSING, Body, Constraints, Cookie, File, Form, Header, Path, Query, Source
from nacre.binding.plan import Site
from nacre.binding.providers import Provide, Provider
from nacre.binding.signature import MARKERS, Parameter, read_parameters
from nacre.binding.validation import DEFAULT, Validation
from nacre.binding.writer import BINDER

__all__ = [
    "BINDER",
    "DEFAULT",
    "MARKERS",
    "MISSING",
    "Body",
    "Bound",
    "Constraints",
    "Cookie",
    "File",
    "Form",
    "Header",
    "Injection",
    "Input",
    "Parameter",
    "Path",
    "Provide",
    "Provider",
    "Query",
    "Site",
    "Source",
    "Validation",
    "bind",
    "read_parameters",
]
