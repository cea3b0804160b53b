"""The lab's own tests use it as others do."""

from tests.lab.fixtures import lab, module_lab

__all__ = ["lab", "module_lab"]
