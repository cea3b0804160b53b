"""Which leading folder of an archive is left off."""

from __future__ import annotations

from actions.mapping import chosen
from bot.core.domain.artifact import ArtifactEntry

ROOT = "/app/webapps/ROOT"
INSIDE = f"{ROOT}/WEB-INF/classes"


def _entry(path: str) -> ArtifactEntry:
    return ArtifactEntry(path=path, sha256="0" * 64, size=1)


def test_leaves_off_the_folder_under_which_files_are_replaced() -> None:
    assert chosen([_entry("ROOT/index.jsp")], [{"index.jsp": "1" * 64}], ROOT) == "ROOT"


def test_never_lays_a_file_of_web_inf_over_one_that_browsers_see() -> None:
    present = [{"index.jsp": "1" * 64, "WEB-INF/index.jsp": None}]
    assert chosen([_entry("WEB-INF/index.jsp")], present, ROOT) == ""
    deeper = [{"index.jsp": "1" * 64}]
    assert chosen([_entry("ROOT/WEB-INF/index.jsp")], deeper, ROOT) == "ROOT"


def test_leaves_web_inf_off_where_the_deploy_path_ends_with_it() -> None:
    present = [{"A.class": "1" * 64}]
    assert chosen([_entry("WEB-INF/classes/A.class")], present, INSIDE) == "WEB-INF/classes"
