"""Questions from documents: text, Markdown, HTML and PDF become passages, which stay with the grown tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import BlockedError, InputError
from imbik.core.types import Sensitivity
from imbik.tasks.growth.passages import passages
from imbik.testing import FakeTeacher, GrowthTeacher
from tasks.growth.conftest import Write, pool, report, run

SENTENCE = "Kargo, İstanbul'dan Iğdır'a üç iş gününde ulaşır ve teslimatta imza alınır. "


def write_pdf(path: Path, text: str) -> None:
    """A PDF of one page, by hand (ISO 32000-1): pypdf reads its text back."""
    stream = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET".encode("latin-1")
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 900 800] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    body, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 5\n0000000000 65535 f \n%strailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(body),
    )
    path.write_bytes(body + end)


@pytest.fixture
def documents(folder: Path) -> Path:
    """Five kinds of file in two subfolders, among them one in cp1254 and one that cannot be read."""
    root = folder / "belgeler"
    for name in ("kargo", "iade"):
        (root / name).mkdir(parents=True)
    (root / "kargo" / "a.txt").write_text("\n\n".join(SENTENCE * 5 for _ in range(6)), encoding="utf-8")
    (root / "kargo" / "b.txt").write_bytes(("Şube müdürlüğü ağustosta kapanır. " * 12).encode("cp1254"))
    (root / "iade" / "c.md").write_text(
        "# İade\n\n" + "Ürün on dört gün içinde iade edilebilir. " * 9, encoding="utf-8"
    )
    html = f"<head><title>gizli</title></head><body><nav>menü</nav><p>{SENTENCE * 4}</p><script>x()</script></body>"
    (root / "iade" / "d.html").write_text(html, encoding="utf-8")
    write_pdf(root / "iade" / "e.pdf", "Musteri hizmetleri hafta ici dokuzdan altiya kadar aciktir. " * 5)
    (root / "iade" / "f.pdf").write_bytes(b"%PDF-1.4 broken")
    (root / "iade" / "g.xlsx").write_bytes(b"PK")
    return root


def test_passages_of_every_kind_with_file_number_and_category(documents: Path) -> None:
    notes: list[str] = []
    found = passages(documents, 100, notes)
    assert {item.file for item in found} == {"kargo/a.txt", "kargo/b.txt", "iade/c.md", "iade/d.html", "iade/e.pdf"}
    assert {item.category for item in found} == {"kargo", "iade"}
    assert [item.number for item in found if item.file == "kargo/a.txt"] == list(range(1, 7))
    texts = {item.file: item.text for item in found}
    assert "ağustosta" in texts["kargo/b.txt"]
    assert "gizli" not in texts["iade/d.html"]
    assert "menü" not in texts["iade/d.html"]
    assert "x()" not in texts["iade/d.html"]
    assert "Musteri hizmetleri" in texts["iade/e.pdf"]
    assert all(20 <= len(item.text.split()) <= 130 for item in found)
    assert len(notes) == 1
    assert notes[0].startswith("iade/f.pdf was not read")


def test_grown_questions_keep_their_passage_and_say_where_it_is_from(write: Write, documents: Path) -> None:
    grow = "    {to: 90, strategies: [{use: documents, folder: belgeler, passage_words: 60, times: 3}]}"
    with FakeTeacher(GrowthTeacher()) as teacher:
        recipe = write(teacher.base_url, grow=grow)
        recipe.write_text(recipe.read_text(encoding="utf-8").replace("kind: math", "kind: qa"), encoding="utf-8")
        found = run(recipe)
    made = [task for task, _ in pool(found) if task.origin]
    assert len(made) == 50
    assert len({task.passage for task in made}) < 30
    for task in made:
        assert task.passage
        assert task.text.startswith(task.passage)
        assert task.source is not None
        assert task.source.file.startswith("belgeler/")
        assert task.group == f"document: {task.source.file.removeprefix('belgeler/')}"
        assert task.category in ("kargo", "iade")
    manifest = found.manifest("1_tasks")
    assert manifest is not None
    assert any("f.pdf was not read" in text for text in manifest.warnings)


def test_passages_run_out_and_that_is_said(write: Write, documents: Path) -> None:
    grow = "    {to: 900, strategies: [{use: documents, folder: belgeler, times: 1}]}"
    with FakeTeacher(GrowthTeacher()) as teacher:
        found = run(write(teacher.base_url, grow=grow))
    told = report(found)
    assert told.strategies[0].ended == "it has no more ideas"
    assert "documents: it has no more ideas" in told.stopped
    assert told.strategies[0].ideas == teacher.count == len(passages(documents, 180, []))


def test_documents_are_as_private_as_the_recipe_says(write: Write, documents: Path) -> None:
    grow = "    {{to: 60, strategies: [{{use: documents, folder: belgeler{more}}}]}}"
    with FakeTeacher(GrowthTeacher()) as teacher:
        recipe = write(teacher.base_url, grow=grow.format(more=", sensitivity: internal"))
        with pytest.raises(BlockedError, match="no question of 'documents' may leave") as error:
            run(recipe)
        assert "`sensitivity: public` of the strategy" in error.value.next
        assert teacher.count == 0
        recipe = write(teacher.base_url, grow=grow.format(more=""))
        levels = {task.sensitivity for task, _ in pool(run(recipe)) if task.origin}
    assert levels == {Sensitivity.PUBLIC}


@pytest.mark.parametrize(("folder_name", "said"), [("yok", "there is no folder yok"), ("boş", "nothing to ask about")])
def test_a_folder_without_documents_is_said_before_anything_is_asked(
    write: Write, folder: Path, folder_name: str, said: str
) -> None:
    (folder / "boş").mkdir()
    grow = f"    {{to: 60, strategies: [{{use: documents, folder: {folder_name}}}]}}"
    with FakeTeacher(GrowthTeacher()) as teacher, pytest.raises(InputError, match=said):
        run(write(teacher.base_url, grow=grow))
    assert teacher.count == 0
