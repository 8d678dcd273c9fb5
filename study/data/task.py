"""A labelled set as a study asks for it: the keys of one reader, and what every set has."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, create_model, model_validator

from study.data import readers
from study.data.external_test_sets import External
from study.data.readers import TaskReader
from study.fields import Name, StrictConfig


class TaskConfig(StrictConfig):
    """A labelled set, in one of the formats that are read (``study/data/readers``).

    ``outer_folds``: where no test set can be spared, every patient is tested once, in a fold whose pool is all others.
    ``external``: further test sets of the same classes.
    """

    outer_folds: Annotated[int, Field(ge=2)] | None = None
    """So many folds, in which every patient is tested once; null for a test set of its own."""
    external: dict[Name, External] = {}
    """Further test sets of the same classes, by name."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of the patients that are tested, where no split is given."""
    val_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """Share of the other patients that validate, where no split is given."""

    @property
    def reader(self) -> TaskReader:
        """The reader whose keys are set, told of them."""
        [name] = self._read_by()
        kind = readers.get(name)
        return kind(**{key: getattr(self, key) for key in kind.model_fields})

    @model_validator(mode="after")
    def _one_source(self) -> "TaskConfig":
        found = self._read_by()
        if len(found) != 1 or any(getattr(self, key) is None for key in readers.get(found[0]).needed()):
            every = (" and ".join(f"`{key}`" for key in readers.get(name).needed()) for name in readers.names())
            raise ValueError(f"give either {', or '.join(every)}")
        own = readers.get(found[0])
        for name in readers.names():
            for key in readers.get(name).model_fields:
                if getattr(self, key) is not None and key not in own.model_fields:
                    raise ValueError(f"`{key}` is no key beside {' and '.join(f'`{each}`' for each in own.needed())}")
        self.reader.check(outer_folds=self.outer_folds, external=self.external)
        if "test" in self.external:
            raise ValueError("`test` is the name of the task's own test set; give the external one another")
        return self

    def _read_by(self) -> list[str]:
        """The readers of which a needed key is set."""
        return [
            name
            for name in readers.names()
            if any(getattr(self, key) is not None for key in readers.get(name).needed())
        ]


if TYPE_CHECKING:
    Task = TaskConfig
else:
    _KEYS: dict[str, Any] = {
        key: (field.rebuild_annotation() | None, Field(None, description=field.description))
        for name in readers.names()
        for key, field in readers.get(name).model_fields.items()
    }
    Task = create_model("Task", __base__=TaskConfig, __doc__=TaskConfig.__doc__, **_KEYS)
