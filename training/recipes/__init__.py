"""One file per system; the file's name is its name on the command line and its folder in models/."""

import importlib
import inspect
import pkgutil

from training.recipe import Config, Recipe


def names() -> list[str]:
    """Every recipe there is, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def recipe_class(name: str) -> type[Recipe]:
    """The one Recipe that the file `name` defines."""
    module = importlib.import_module(f"{__name__}.{name}")
    defined = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Recipe) and value.__module__ == module.__name__
    ]
    if len(defined) != 1:
        raise TypeError(f"{module.__name__} must define exactly one Recipe, it defines {len(defined)}")
    return defined[0]


def as_written(name: str) -> Config:
    """The paper's own settings, without the stabilisers that came later."""
    config: Config = importlib.import_module(f"{__name__}.{name}").AS_WRITTEN
    return config


def config_class(name: str) -> type[Config]:
    """The Config of the recipe `name`."""
    config: type[Config] = importlib.import_module(f"{__name__}.{name}").Config
    return config
