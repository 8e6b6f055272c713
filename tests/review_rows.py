"""Rows of the experts' pages that tests and pictures share: made up here, judged by the checks themselves.

Leaves: an answer from a passage with numbers that nothing supports, one with formulas and code, plain ones, and pairs
of answers to compare.
"""

from __future__ import annotations

from msgspec.structs import replace

from imbik.core.types import Sample, Task, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.checks.arithmetic import Arithmetic
from imbik.refine.checks.grounded import Grounded
from imbik.tasks.kinds.qa import Qa
from stagekit import make_sample, make_task

CONTEXT = CheckContext(Qa(Qa.Settings()), language="tr")
PASSAGE = (
    "Türk Borçlar Kanunu, madde 117: Muaccel bir borcun borçlusu, alacaklının ihtarıyla temerrüde düşer. "
    "Borcun ifa edileceği gün, birlikte belirlenmiş veya sözleşmede saklı tutulan bir hakka dayanarak taraflardan "
    "biri usulüne uygun bir bildirimde bulunmak suretiyle belirlemişse, bu günün geçmesiyle borçlu temerrüde düşmüş "
    "olur.\n\nMadde 120: Uygulanacak yıllık temerrüt faizi oranı, sözleşmede kararlaştırılmamışsa, faiz borcunun "
    "doğduğu tarihte yürürlükte olan mevzuat hükümlerine göre belirlenir."
)
REASONING = (
    "Sözleşmede ödeme günü birlikte belirlenmiş: 1 Mart. Gün belirli olduğu için ihtara gerek yoktur.\n"
    "Faiz oranı sözleşmede yazılı olmadığından mevzuattaki yıllık oran uygulanır. Yıllık %24 oranla 90 gün için:\n"
    "$$\\frac{10.000 \\times 0{,}24 \\times 90}{365} \\approx 591{,}78\\ \\text{TL}$$"
)
ANSWER = (
    "Borçlu 1 Mart gününün geçmesiyle temerrüde düşer; ayrıca ihtar gerekmez. Oran sözleşmede yoksa temerrüt faizi "
    "yürürlükteki mevzuata göre belirlenir. Sözleşmedeki %24 üzerinden 90 günün karşılığı 591,78 TL eder."
)
RUBRIC = "{sample: 1, doubtful: 1, rubric: [doğruluk, kültürel uygunluk, açıklık]}"
FORMULAS = r"""Toplam formülü $\sum_{i=1}^{n} i = \frac{n(n+1)}{2}$; $n \in \mathbb{N}$, $\frac{1}{2}$ katsayıdır.
$$\int_0^1 x^2\,dx = \frac13, \quad \int\limits_{-\infty}^{\infty} e^{-x^2}dx = \sqrt{\pi}$$
$$\underbrace{1+2+\cdots+n}_{n\text{ terim}} \qquad \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$$
\begin{align*}
S &= 1 + 2 + \cdots + 100 \\
  &= \tfrac{1}{2} \cdot 100 \cdot 101
\end{align*}
$$|x| = \begin{cases} x & \text{eğer } x \ge 0 \\ -x & \text{değilse} \end{cases}$$
Çizilemeyen yazıldığı gibi durur: $\frac{1}{$. 12 + 3 = 16 yanlıştır."""
CODE = """Toplamı `topla(n)` bulur:
```python
def topla(n: int) -> int:
    toplam = 0
    for sayi in range(1, n + 1):
        toplam += sayi   # her adımda bir sayı eklenir; uzun bir açıklama satırı kutunun içinde kayar, sayfa kaymaz
    return toplam
```

| n   | toplam |
|-----|-------:|
| 10  |     55 |
| 100 |  5.050 |

Sonuç 5.050."""


def law() -> Sample:
    """An answer from a passage, which a check traces to its sentences and a judge doubts."""
    task = make_task(
        "temerrut", "Ödeme günü sözleşmede 1 Mart olarak belirlenmiştir; borçlu ödemezse ne zaman temerrüde düşer, "
        "10.000 TL için 90 günlük temerrüt faizi nasıl bulunur?",
        passage=PASSAGE, category="hukuk › borçlar › temerrüt", language="tr",
    )  # fmt: skip
    judge = Verdict(by="judge", keep=False, score=2.0, reason="Yıllık oranın (%24) nereden geldiği söylenmiyor.")
    sample = make_sample(task, answer=ANSWER, reasoning=REASONING)
    return replace(sample, verdicts=(grounded(sample), judge))


def grounded(sample: Sample) -> Verdict:
    """What the check says, of a recipe that lets rows without support pass so that experts see them."""
    return Grounded(Grounded.Settings(sentences=0.5, most_unsupported=9)).judge(sample, CONTEXT)


def sums() -> Sample:
    """Reasoning full of formulas, one of them broken and one sum wrong, and an answer with code and a table."""
    task = make_task("toplam", "1'den 100'e kadar olan sayıların toplamını bulan programı yaz, formülle karşılaştır.",
                     category="matematik", language="tr")  # fmt: skip
    sample = make_sample(task, answer=CODE, reasoning=FORMULAS)
    return replace(sample, verdicts=(Arithmetic(Arithmetic.Settings()).judge(sample, CONTEXT),))


def others() -> list[Sample]:
    """Rows behind the first one."""
    asked = [
        (
            "tarih › selçuklular",
            "Anadolu Selçuklu Devleti'nin yıkılışını hazırlayan savaş hangisidir?",
            "Kösedağ Savaşı",
        ),
        ("coğrafya", "Türkiye'nin en uzun kıyısı hangi denizdedir?", "Ege Denizi"),
        ("sağlık", "Bir litre serumda kaç gram tuz vardır? (%0,9)", "9 gram"),
    ]
    return [
        make_sample(make_task(f"satir-{number}", text, category=category, language="tr"), answer=answer, reasoning="")
        for number, (category, text, answer) in enumerate(asked)
    ]


def pairs() -> list[tuple[Task, dict[str, str]]]:
    """One question and what two systems answered."""
    task = make_task(
        "temerrut", "Kira 5 gün gecikti. Kiracıya hemen temerrüt faizi işletilebilir mi?", passage=PASSAGE,
        category="hukuk › borçlar › temerrüt", language="tr",
    )  # fmt: skip
    return [
        (
            task,
            {
                "student": "Ödeme günü sözleşmede belirliyse evet: o günün geçmesiyle kiracı temerrüde düşer ve faiz "
                "işler. 5 gün için: $F = A \\cdot r \\cdot \\frac{5}{365}$.",
                "teacher": "Evet. Türk Borçlar Kanunu'nun 117. maddesine göre gün birlikte belirlenmişse ihtar "
                "gerekmez. Oran kararlaştırılmamışsa mevzuattaki yıllık oran uygulanır (madde 120):\n"
                "$$F = A \\cdot r \\cdot \\frac{g}{365}, \\quad g = 5$$",
            },
        )
    ]
