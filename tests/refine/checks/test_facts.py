"""Facts: what reference texts or most other samples say otherwise is named, with the text and its words."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest

from imbik.core.errors import InputError
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Message, Sample, Task, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.checks.facts import Facts

KIND = make("tasks/kinds", PluginBlock(use="qa"))
QUESTION = "İstanbul kuşatması kaç gün sürdü, borçlu ne zaman temerrüde düşer?"


def facts(**settings: object) -> Facts:
    made: Facts = make("refine/checks", PluginBlock(use="facts", raw=settings))
    return made


def judge(answers: Sequence[str], base: Path = Path(), question: str = QUESTION, **settings: object) -> list[Verdict]:
    task = Task(id="1", kind="qa", messages=(Message(role="user", content=question),))
    samples = [
        Sample(task=task, teacher="ab"[number % 2], number=number, completion=Completion(), answer=answer)
        for number, answer in enumerate(answers)
    ]
    return facts(**settings).judge(samples, CheckContext(kind=KIND, base=base))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "kaynak"
    (folder / "tarih").mkdir(parents=True)
    (folder / "tarih" / "fetih.md").write_text(
        "İstanbul 29 Mayıs 1453'te fethedildi. İstanbul kuşatması 53 gün sürdü. Padişah II. Mehmed'di.",
        encoding="utf-8",
    )
    (folder / "tbk.txt").write_text(
        "Türk Borçlar Kanunu'nun 117. maddesine göre borçlu, alacaklının ihtarıyla temerrüde düşer.", encoding="utf-8"
    )
    (folder / "kisa.txt").write_text("Ankara başkenttir.", encoding="utf-8")
    return tmp_path


def test_what_a_text_holds_is_said_beside_the_claim(base: Path) -> None:
    (verdict,) = judge(
        ["Kuşatma elli üç gün sürdü; borçlu TBK m. 117 uyarınca temerrüde düşer."], base, references="kaynak"
    )
    assert verdict.keep, verdict.reason
    assert verdict.score == 1.0
    assert [one.note for one in verdict.spans] == ["held by tbk.txt", "held by tarih/fetih.md"][::-1]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            "İstanbul kuşatması 54 gün sürdü.",
            "the number '54': tarih/fetih.md says '53' («İstanbul kuşatması 53 gün sürdü.»)",
        ),
        (
            "Borçlu TBK m. 118 gereği alacaklının ihtarıyla temerrüde düşer.",
            "the article 'TBK m. 118': tbk.txt says 'Borçlar Kanunu'nun 117. maddesine' («Türk Borçlar Kanunu'nun 117. "
            "maddesine göre borçlu, alacaklının ihtarıyla temerrüde düşer.»)",
        ),
        (
            "İstanbul 29 Mayıs 1454'te fethedildi.",
            "the date '29 Mayıs 1454': tarih/fetih.md says '29 Mayıs 1453' («İstanbul 29 Mayıs 1453'te fethedildi.»)",
        ),
    ],
)
def test_what_a_text_contradicts_rejects_with_the_text(base: Path, answer: str, reason: str) -> None:
    (verdict,) = judge([answer], base, references="kaynak")
    assert not verdict.keep
    assert verdict.reason == reason
    assert verdict.spans[-1].note == reason


def test_what_no_text_holds_is_marked_or_rejects(base: Path) -> None:
    answer = "O surları Nicholas Fenton ölçtü."
    (marked,) = judge([answer], base, references="kaynak")
    assert marked.keep
    assert marked.reason.startswith("no reference text holds the name 'Nicholas Fenton'")
    assert marked.score == 0.0
    assert not judge([answer], base, references="kaynak", missing="reject")[0].keep


def test_samples_are_compared_with_one_another() -> None:
    right, wrong = "İstanbul kuşatması 53 gün sürdü.", "İstanbul kuşatması 54 gün sürdü."
    verdicts = judge([right, wrong, "Kuşatma İstanbul'da elli üç gün sürdü.", right])
    assert [verdict.keep for verdict in verdicts] == [True, False, True, True]
    assert verdicts[1].reason == "the number '54': 3 of 3 other samples say '53' (a, b)"
    assert verdicts[0].spans[-1].note == "said by 2 of 3 other samples"


def test_two_samples_that_contradict_each_other_are_both_in_doubt(base: Path) -> None:
    pair = ["İstanbul kuşatması 53 gün sürdü.", "İstanbul kuşatması 54 gün sürdü."]
    assert [verdict.keep for verdict in judge(pair)] == [False, False]
    assert [verdict.keep for verdict in judge(pair, base, references="kaynak")] == [True, False]


def test_a_majority_does_not_outvote_a_text(base: Path) -> None:
    wrong = "İstanbul kuşatması 54 gün sürdü."
    verdicts = judge([wrong, wrong, wrong, "İstanbul kuşatması 53 gün sürdü."], base, references="kaynak")
    assert [verdict.keep for verdict in verdicts] == [False, False, False, True]


def test_more_detail_and_what_the_question_says_are_no_faults() -> None:
    answers = ["İstanbul kuşatması 53 gün sürdü.", "İstanbul kuşatması 53 gün sürdü ve 29 Mayıs 1453'te bitti."]
    assert all(verdict.keep for verdict in judge(answers))
    (verdict,) = judge(["1071'de oldu."], question="1071'de ne oldu?")
    assert (verdict.keep, verdict.score, verdict.spans) == (True, 1.0, ())
    assert judge([""])[0].keep


def test_the_texts_are_part_of_what_the_check_does(base: Path) -> None:
    check = facts(references="kaynak")
    names = [path.relative_to(base).as_posix() for path in check.files(base)]
    assert names == ["kaynak/kisa.txt", "kaynak/tarih/fetih.md", "kaynak/tbk.txt"]
    assert facts().files(base) == []
    assert [path.name for path in facts(references="yok").files(base)] == ["yok"]
    with pytest.raises(InputError, match="no such folder"):
        judge(["x"], base, references="yok")
    assert pickle.loads(pickle.dumps(check)).settings == check.settings


def test_a_text_that_holds_the_rest_needs_fewer_words_in_common(tmp_path: Path) -> None:
    (tmp_path / "kaynak").mkdir()
    (tmp_path / "kaynak" / "burs.txt").write_text(
        "Vakıf bu yıl 420 öğrenciye ayda 5.500 TL burs verecek. Not ortalaması en az 2,80 olmalıdır.", encoding="utf-8"
    )
    wrong = "Vakıf bu yıl seçtiği 420 adaya 5.900 TL öder; ortalaması 2,80 üstü olan başvurur."
    (verdict,) = judge([wrong], tmp_path, question="Burs ne kadar?", references="kaynak")
    assert verdict.reason.startswith("the number '5.900': burs.txt says '5.500'"), verdict.reason
    alone = "Vakıf bu yıl seçtiği adaylara 5.900 TL öder; ortalaması uygun olan başvurur."
    assert judge([alone], tmp_path, question="Burs ne kadar?", references="kaynak")[0].keep


def test_the_weights_of_an_encoder_are_part_of_it_too(base: Path) -> None:
    (base / "enc").mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "README.md"):
        (base / "enc" / name).write_text("{}", encoding="utf-8")
    found = facts(references="kaynak", encoder="enc").files(base)
    assert [path.name for path in found[-3:]] == ["config.json", "model.safetensors", "tokenizer.json"]


def test_words_of_every_text_are_no_sign_that_two_speak_of_the_same(tmp_path: Path) -> None:
    (tmp_path / "kanunlar").mkdir()
    for number, rest in enumerate(("izin", "vergi", "maden", "orman", "liman")):
        (tmp_path / "kanunlar" / f"{rest}.txt").write_text(
            f"{rest.title()} Kanunu 1{number} Mayıs 195{number} günü Meclis'te kabul edildi.", encoding="utf-8"
        )
    (verdict,) = judge(["Basın Kanunu 3 Haziran 1961 günü Meclis'te kabul edildi."], tmp_path, references="kanunlar")
    assert verdict.keep
    assert verdict.reason.startswith("no reference text holds the date '3 Haziran 1961'")
    (verdict,) = judge(["Orman Kanunu 13 Mayıs 1958 günü Meclis'te kabul edildi."], tmp_path, references="kanunlar")
    assert "orman.txt says '13 Mayıs 1953'" in verdict.reason
    assert not verdict.keep


def test_a_changed_text_is_read_again(base: Path) -> None:
    answer = ["İstanbul kuşatması 54 gün sürdü."]
    assert not judge(answer, base, references="kaynak")[0].keep
    (base / "kaynak" / "tarih" / "fetih.md").write_text(
        "İstanbul kuşatması tam 54 gün sürdü, deniyor.", encoding="utf-8"
    )
    assert judge(answer, base, references="kaynak")[0].keep
