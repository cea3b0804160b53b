"""GuideStore: everybody reads their institutions' guides and the general ones, nobody more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.domain.estate import InstitutionEntry
from bot.core.domain.guide import Guide
from bot.core.domain.people import Actor, Role
from cmdb.engine import writing
from cmdb.guides import SqlGuideStore
from cmdb.importers.estate import Estate
from cmdb.importers.estate_store import import_estate
from cmdb.models import InstitutionRow
from cmdb.rows import upsert
from tests.fakes.guides import MemoryGuides

MOEF, MOIS = "기획재정부", "행정안전부"
VPN = Guide(guide_id="vpn", title="VPN 접속", institution=MOEF, text="프로파일을 고른다.")
OTP = Guide(guide_id="otp", title="2차 인증", institution=MOIS, text="번호를 입력한다.")
NIGHT = Guide(guide_id="night", title="야간 연락", institution=None, text="관제실로 연락한다.")


def seeing(*institutions: str) -> Actor:
    return Actor(
        person_id="u1", name="운영", role=Role.OPERATOR, institutions=frozenset(institutions)
    )


@pytest.fixture
async def guides(backend_engine: AsyncEngine | None) -> SqlGuideStore | MemoryGuides:
    if backend_engine is None:
        store: SqlGuideStore | MemoryGuides = MemoryGuides()
    else:
        async with writing(backend_engine) as session:
            rows = [
                InstitutionRow(name=MOEF, code="MOEF", aliases=[]),
                InstitutionRow(name=MOIS, code="MOIS", aliases=[]),
            ]
            await upsert(session, rows, by=("name",))
        store = SqlGuideStore(backend_engine)
    await store.put([VPN, OTP, NIGHT])
    return store


async def test_people_read_their_institutions_guides_and_the_general_ones(guides) -> None:
    assert await guides.guides(seeing(MOEF)) == (NIGHT, VPN)
    assert await guides.guides(seeing()) == (NIGHT,)


async def test_who_sees_all_institutions_reads_all_guides(guides) -> None:
    everywhere = replace(seeing(), all_institutions=True)
    assert await guides.guides(everywhere) == (NIGHT, OTP, VPN)
    assert await guides.guides(None) == (NIGHT, OTP, VPN)


async def test_a_withdrawn_guide_is_gone(guides) -> None:
    changed = replace(VPN, text="이제 다른 프로파일을 고른다.")
    await guides.put([changed])
    assert await guides.guides(None) == (changed,)


@pytest.mark.parametrize("backend", ["sqlite", "postgres"], indirect=True)
async def test_an_import_without_a_guides_folder_leaves_them(engine: AsyncEngine) -> None:
    bare = Estate(
        institutions=(InstitutionEntry(name=MOEF, code="MOEF"),),
        systems=(),
        nodes=(),
        srs=(),
        people=(),
    )
    await import_estate(engine, replace(bare, guides=(VPN,)))
    await import_estate(engine, bare)
    assert await SqlGuideStore(engine).guides(None) == (VPN,)
    await import_estate(engine, replace(bare, guides=()))
    assert await SqlGuideStore(engine).guides(None) == ()
