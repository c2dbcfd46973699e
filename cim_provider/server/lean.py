"""What the server needs of large libraries, without what it does not need of them.

Owns: how pywbem is loaded, and which version of ours is installed. pywbem is a library for
clients first: it draws in requests, urllib3 and what stands behind them, nine megabytes that
this server would hold for ever and never use. While it is loaded, stand-ins bear these names,
which fetch what is asked of them later from the real modules. Whoever imports these by name,
then or later, gets the real ones.
"""

import os
import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Final

_REQUESTS, _PACKAGES, _URLLIB3 = _CLIENT = ("requests", "requests.packages", "urllib3")
_MAJOR: Final = "2."
"""The releases of urllib3 of which is known what pywbem looks at while it is loaded."""


class _Retry:
    """Tells pywbem which name urllib3's class of that name has for a parameter: not the old one."""

    DEFAULT_ALLOWED_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"})

    def __init__(self, **given: object) -> None:
        raise TypeError(f"urllib3 knows no {', '.join(given)}")


class _Later(ModuleType):
    """Bears a module's name, and has what the module has once it has been loaded."""

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(self.__name__) is self:
            raise AttributeError(f"{self.__name__}.{name} is wanted at once")
        return getattr(import_module(self.__name__), name)


def load_pywbem() -> None:
    """Load pywbem, if it is not; its client works, and loads what it needs when it is first used.

    Where a release of pywbem or urllib3 is not as known here, all is loaded as usual.
    """
    if "pywbem" in sys.modules or any(name in sys.modules for name in _CLIENT):
        return
    version = _version_of(_URLLIB3)
    if version is not None and version.startswith(_MAJOR):
        _load_with_stand_ins(version)
    import_module("pywbem")


def installed_version(distribution: str) -> str:
    """Return the version under which a distribution is installed; empty for a mere checkout.

    Its directory tells; `importlib.metadata` reads the same there, and needs zip archives, CSV
    and mail for other cases. Source: "Recording installed projects" of the packaging guide.
    """
    begin, end = f"{distribution}-", ".dist-info"
    for place in sys.path:
        try:
            names = os.listdir(place or ".")
        except OSError:
            continue  # an archive, nothing at all, or closed to this user
        for name in names:
            if name.startswith(begin) and name.endswith(end):
                return name[len(begin) : -len(end)]
    return ""


def _load_with_stand_ins(version: str) -> None:
    stand_ins = {name: _Later(name) for name in _CLIENT}
    early = vars(stand_ins[_URLLIB3])
    early.update(__version__=version, Retry=_Retry)
    vars(stand_ins[_PACKAGES])[_URLLIB3] = stand_ins[_URLLIB3]
    sys.modules.update(stand_ins)
    try:
        import_module("pywbem")
    except (AttributeError, ImportError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "pywbem"]:
            del sys.modules[name]  # half of it
    finally:
        for name in stand_ins:
            del sys.modules[name]
        del early["Retry"]


def _version_of(package: str) -> str | None:
    """Return the version of a package that is not to be loaded, or None if it does not say."""
    found = find_spec(package)
    places = None if found is None else found.submodule_search_locations
    spec = PathFinder.find_spec("_version", places) if places else None
    if spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    version: str | None = getattr(module, "__version__", None)
    return version
