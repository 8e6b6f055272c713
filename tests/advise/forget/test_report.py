"""A report loses the samples of erased rows and keeps its figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imbik.advise.forget.erasing import Erasing
from imbik.advise.forget.report import clean_report
from imbik.core.tombstones import bury
from imbik.evaluate.findings import SampleRow, Shown
from imbik.evaluate.pages import hold_against, write_report
from imbik.privacy.person import Person
from made_findings import made_findings

WHO = Person(["Ayşe Yılmaz"])
FILES = ("report.html", "report.md", "findings.json")


def rows() -> list[SampleRow]:
    """One that names her in the question, one in an answer, one that is hers by id alone, one of somebody else."""
    said = [Shown("student", "iade", right=True)]
    return [
        SampleRow("a", "AYŞE YILMAZ sorar", "iade", said),
        SampleRow("b", "soru-b", "iade", [Shown("student", "Ayşe Yılmaz'a sorun")]),
        SampleRow("c", "soru-c", "iade", said),
        SampleRow("d", "soru-d", "iade", said),
    ]


def erasing() -> Erasing:
    return Erasing(receipt="r", person=WHO, tasks={"c"}, samples=set(), contents=set())


def test_samples_go_and_figures_stay(tmp_path: Path) -> None:
    found = made_findings(rows=50)
    write_report(tmp_path, replace(found, samples=rows(), notes=["Ayşe Yılmaz'ın satırı", "bir not"]))
    assert all(WHO.in_text((tmp_path / name).read_text()) for name in FILES)
    scores = (tmp_path / "scores.json").read_bytes()
    bury(tmp_path, ["x", "y"], "r")
    work = erasing()
    for _ in range(2):
        clean_report(tmp_path, work)
        for name in FILES:
            text = (tmp_path / name).read_text()
            assert not WHO.in_text(text)
            assert "soru-c" not in text
            assert "soru-b" not in text
            assert "soru-d" in text
            assert text.count("2 answers to held-out rows were erased after this report was made") == 1
            assert "bir not" in text
    assert work.counts["samples in the report"] == 3
    assert (tmp_path / "scores.json").read_bytes() == scores
    assert hold_against(tmp_path, {"accuracy": ">= 0.5"})[0].met


def test_a_page_without_findings_is_removed_where_it_names_her(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("<p>Ayşe Yılmaz</p>")
    (tmp_path / "report.md").write_text("bir sayfa")
    clean_report(tmp_path, erasing())
    assert not (tmp_path / "report.html").exists()
    assert (tmp_path / "report.md").exists()
