"""Claim: after `imbik privacy forget` a planted person is nowhere in the run and the store; what stays is named.

Makes four runs in one folder from one seed file in which a person stands in twelve rows, written in many ways: one
taught by a served teacher (a fake one that repeats names, declared local), with experts' verdicts, a control, exports
and a report; one that shares its answers; one with captured logits; one that learns from the first. Then it types
`imbik privacy forget` as a user does, and reads the run folder and the store with a scanner of its own: raw bytes in
every encoding, and decoded content (JSON, SQLite with free pages and log, Parquet, gzip, zip, zstd). Tensors and the
tokenizers that the receipt names are excepted.

Positive controls, by the same scanner: it finds the person before; and afterwards in a copy in which each form is
planted again. Floor: 0 hits. Also checked: nobody else's row or stored answer is lost, the roots verify, the same
command neither trains again nor brings the rows back, and the same holds after SIGKILL at random moments.

    python benchmarks/forget.py --kills 10
"""

from __future__ import annotations

import argparse
import bz2
import csv
import gzip
import io
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from imbik.testing import FakeTeacher
from imbik.testing.tiny_models import make_model

NAME, TCKN = "Gülşah Çağlayan", "10000000146"
LABELS = ("iade", "kargo", "ödeme")
WRITTEN = {
    4: "Ben Gülşah Çağlayan, ",
    9: "GÜLŞAH ÇAĞLAYAN'ın siparişi, ",
    17: "gulsah caglayan yazıyor: ",
    23: unicodedata.normalize("NFD", "Gülşah Çağlayan") + " adına ",
    31: "Çağlayan, Gülşah: ",
    38: f"TC {TCKN} numaralı müşteri, ",
    45: "T.C. 100 000 001 46, ",
    52: "Sayın Gül\u200bşah Çağ\u200blayan, ",
    201: "Gülşah Çağlayan soruyor: ",
    203: "GÜLŞAH ÇAĞLAYAN ",
    205: f"{TCKN} için ",
    207: "gulsah caglayan ",
}
ROWS, HELD_OUT = 90, range(200, 209)
SERVED = """
name: {name}
tasks: {{source: rows.csv, test_source: test.csv, kind: classification, sensitivity: internal}}
teachers: {{uzak: {{use: openai, model: sahte, base_url: "{url}"}}}}
generate: {{max_tokens: 200, samples: 2, temperature: 0.7}}
refine: [{{use: shape}}]
review: {{sample: 1.0}}
student: {{architecture: llama, hidden_size: 32, layers: 1, heads: 2, context: 256, vocabulary: 500}}
train: {{steps: 20, threads: 1, precision: fp32, batch_size: 8, learning_rate: 0.01, controls: [answers_only]}}
evaluate: {{resamples: 100, latency_rows: 2}}
"""
LOCAL = """
name: logits
tasks: {source: rows.csv, test_source: test.csv, kind: classification, sensitivity: confidential}
teachers: {usta: {use: in_process, model: ./usta}}
generate: {max_tokens: 8}
refine: [{use: shape}]
capture: {teacher: usta, top_k: 8}
student: {architecture: llama, hidden_size: 32, layers: 1, heads: 2, context: 512, tokenizer: teacher}
train: {steps: 10, threads: 1, precision: fp32, batch_size: 8, learning_rate: 0.01, losses: [{use: forward_kl}]}
evaluate: {resamples: 100, latency_rows: 2}
"""
PUPIL = """
name: cirak
tasks: {source: others.csv, kind: classification, sensitivity: confidential}
teachers: {usta: {use: run, run: destek}}
generate: {max_tokens: 8}
refine: [{use: shape}]
student: {architecture: llama, hidden_size: 32, layers: 1, heads: 2, context: 256, tokenizer: train, vocabulary: 400}
train: {steps: 4, threads: 1, precision: fp32, batch_size: 8, learning_rate: 0.01}
evaluate: {resamples: 100, latency_rows: 2, against: []}
"""
TENSORS = {".safetensors", ".npy", ".onnx", ".gguf"}


class Scanner:
    """Counts what names the person; independent of what imbik uses to erase."""

    def __init__(self) -> None:
        words = [NAME, " ".join(reversed(NAME.split())), ", ".join(reversed(NAME.split()))]
        upper = [text.replace("i", "İ").upper() for text in words]
        bare = [self._ascii(text) for text in words]
        texts = {*words, *upper, *bare, *(text.lower() for text in (*words, *bare)), TCKN, "100 000 001 46"}
        texts.add("Gül\u200bşah Çağ\u200blayan")
        forms = {unicodedata.normalize(form, text) for text in texts for form in ("NFC", "NFD")}
        self.needles: dict[bytes, str] = {}
        for text in forms:
            escaped = json.dumps(text)[1:-1]
            for kind, data in (
                ("utf-8", text.encode()),
                ("json escapes", escaped.encode()),
                ("json escapes", escaped.replace("\\u0", "\\u0").upper().replace("\\U", "\\u").encode()),
                ("utf-16", text.encode("utf-16-le")),
                ("utf-16", text.encode("utf-16-be")),
                ("cp1254", text.encode("cp1254", errors="ignore")),
            ):
                self.needles.setdefault(data, kind)

    def raw(self, data: bytes) -> Counter[str]:
        """Occurrences in bytes, by encoding."""
        found: Counter[str] = Counter()
        for needle, kind in self.needles.items():
            if count := data.count(needle):
                found[kind] += count
        return found

    def scan(self, paths: Sequence[Path], excepted: set[Path]) -> tuple[Counter[str], dict[Path, int]]:
        """Hits by the way they were found, and by file."""
        ways: Counter[str] = Counter()
        files: dict[Path, int] = {}
        for path in _files(paths):
            if path.suffix in TENSORS or path in excepted:
                continue
            here: Counter[str] = Counter()
            data = path.read_bytes()
            here.update({f"raw {kind}": count for kind, count in self.raw(data).items()})
            for way, content in _decoded(path, data):
                if count := self.raw(content).total():
                    here[f"decoded {way}"] += count
            if here:
                ways.update(here)
                files[path] = here.total()
        return ways, files

    def _ascii(self, text: str) -> str:
        plain = unicodedata.normalize("NFKD", text.replace("ı", "i"))
        return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(item for item in (path.rglob("*") if path.is_dir() else [path]) if item.is_file())


def _decoded(path: Path, data: bytes) -> Iterator[tuple[str, bytes]]:
    """What programs read out of a file, as UTF-8."""
    if data[:16] == b"SQLite format 3\x00":
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as base:
            for (table,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in base.execute(f'SELECT * FROM "{table}"'):
                    for cell in row:
                        text = cell if isinstance(cell, bytes) else str(cell).encode()
                        yield from (("sqlite cells", part) for part in _json_text(text))
    elif data[:4] == b"PAR1":
        import pyarrow.parquet as pq

        yield "parquet", json.dumps(pq.read_table(path).to_pylist(), ensure_ascii=False, default=str).encode()
    elif data[:2] == b"\x1f\x8b":
        yield "gzip", gzip.decompress(data)
    elif data[:3] == b"BZh":
        yield "bzip2", bz2.decompress(data)
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        import pyarrow as pa

        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            yield "zstd", bytes(stream.read())
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield "zip", archive.read(name)
    elif path.suffix in {".json", ".jsonl"}:
        for line in data.splitlines() if path.suffix == ".jsonl" else [data]:
            yield from (("json", part) for part in _json_text(line))


def _json_text(data: bytes) -> Iterator[bytes]:
    """A JSON value with its escapes resolved; nothing for what is no JSON."""
    try:
        yield json.dumps(json.loads(data), ensure_ascii=False).encode()
    except (ValueError, UnicodeDecodeError):
        return


def plant(folder: Path) -> dict[str, Path]:
    """The person once more in every kind of file that the scanner says it reads."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = f"{NAME} yeniden".encode()
    made: dict[str, Path] = {}

    def put(name: str, data: bytes) -> None:
        made[name] = folder / f"planted-{len(made)}"
        made[name].write_bytes(data)

    put("utf-8", text)
    put("utf-16", text.decode().encode("utf-16-le"))
    put("nfd", unicodedata.normalize("NFD", text.decode()).encode())
    put("json escapes", json.dumps(text.decode()).encode())
    put("gzip", gzip.compress(text))
    put("bzip2", bz2.compress(text))
    put("zstd", bytes(pa.compress(text, codec="zstd", asbytes=True)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", text)
    put("zip", out.getvalue())
    made["parquet"] = folder / "planted.parquet"
    pq.write_table(pa.table({"a": ["x", text.decode()]}), made["parquet"], compression="zstd")
    made["sqlite cell"] = folder / "planted.sqlite"
    with closing(sqlite3.connect(made["sqlite cell"])) as base:
        base.execute("CREATE TABLE t (a)")
        base.execute("INSERT INTO t VALUES (?)", (json.dumps({"b": text.decode()}),))
        base.commit()
    made["sqlite free page"] = folder / "freed.sqlite"
    with closing(sqlite3.connect(made["sqlite free page"])) as base:
        base.execute("PRAGMA secure_delete = OFF")
        base.execute("CREATE TABLE t (a)")
        base.executemany("INSERT INTO t VALUES (?)", [(text.decode() * 40,)] * 40)
        base.commit()
        base.execute("DELETE FROM t")
        base.commit()
    return made


def write_rows(folder: Path) -> None:
    """The seed file, and one without her for the run that learns from the first."""
    files = {"rows.csv": range(ROWS), "test.csv": HELD_OUT, "others.csv": range(ROWS, ROWS + 60)}
    for name, rows in files.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["text", "label"])
            for number in rows:
                label = LABELS[number % 3]
                text = f"{WRITTEN.get(number, '')}{number}. siparişim için {label} hakkında yardım istiyorum"
                writer.writerow([text, label])


def say(messages: Sequence[Mapping[str, str]]) -> str:
    """A teacher that repeats what it read, and once names her where nobody asked about her."""
    text = messages[-1]["content"].split("\n")[0]
    label = next((item for item in LABELS if item in text), LABELS[0])
    other = f" ({NAME} de böyle sormuştu)" if text.startswith("61.") else ""
    return f"Müşteri şunu yazdı: {text}{other}. Konuya baktım, sınıfı belli.\nCevap: {label}"


class Bench:
    """One folder of runs and the commands typed in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, folder / "runs"
        self.env = {
            **os.environ, "XDG_CONFIG_HOME": str(folder / "config"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
            "COLUMNS": "200",
        }  # fmt: skip

    def imbik(self, *words: object, codes: tuple[int, ...] = (0,)) -> str:
        """Type a command; anything but the codes expected ends the benchmark."""
        command = [sys.executable, "-m", "imbik", *map(str, words), "--runs", str(self.runs)]
        done = subprocess.run(command, env=self.env, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode not in codes:
            raise SystemExit(f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def make(self) -> None:
        """All four runs, verdicts, a changed recipe (so that `old/` holds her too) and a crash log."""
        write_rows(self.folder)
        with FakeTeacher(say) as teacher:
            port = teacher.base_url.rsplit(":", 1)[1].split("/")[0]
            (self.folder / "config" / "imbik").mkdir(parents=True)
            operator = self.folder / "config" / "imbik" / "operator.yaml"
            # Without these detectors the rows stay internal, so that the report shows some of hers.
            quiet = "detectors: {leave_out: [tckn, name]}"
            operator.write_text(f"local: [{{host: 127.0.0.1, port: {port}, attestation: a fake one}}]\n{quiet}\n")
            for name in ("destek", "ikinci"):
                (self.folder / f"{name}.yaml").write_text(SERVED.format(name=name, url=teacher.base_url))
            self.imbik("run", "destek.yaml", "-q", "--until", "refine")
            changed = (self.folder / "destek.yaml").read_text().replace("{use: shape}", "{use: shape}, {use: answer}")
            (self.folder / "destek.yaml").write_text(changed)
            self.imbik("run", "destek.yaml", "-q", "--until", "refine")
            self._verdicts()
            self.imbik("run", "destek.yaml", "-q")
            self.imbik("run", "ikinci.yaml", "-q", "--until", "refine")
        make_model(self.folder / "usta", texts=[(self.folder / "others.csv").read_text()], vocabulary=400)
        (self.folder / "logits.yaml").write_text(LOCAL)
        (self.folder / "cirak.yaml").write_text(PUPIL)
        self.imbik("run", "logits.yaml", "-q")
        self.imbik("run", "cirak.yaml", "-q")
        (self.runs / "imbik-crash-20260101-000000-1.log").write_text(f"ValueError: {NAME}\n")

    def _verdicts(self) -> None:
        """An expert judges every answer; on hers the reason names her."""
        lines = []
        for line in (self.runs / "destek" / "3_refined" / "part-00000.jsonl").read_text().splitlines():
            sample = json.loads(line)
            row = f"{sample['task']['id']}#{sample['teacher']}#{sample['number']}"
            hers = any(text in sample["task"]["messages"][-1]["content"] for text in WRITTEN.values())
            lines.append(json.dumps({"row": row, "by": "uzman", "keep": True, "reason": NAME if hers else "iyi"}))
        path = self.folder / "verdicts.jsonl"
        path.write_text("\n".join(lines) + "\n")
        self.imbik("review", "destek", "--import", path)

    def stored(self) -> int:
        """Answers in the store."""
        with closing(sqlite3.connect(self.runs / "answers.sqlite")) as base:
            return int(base.execute("SELECT count(*) FROM answers").fetchone()[0])

    def rows(self, run: str) -> list[str]:
        """Ids of a run's tasks."""
        lines = (self.runs / run / "1_tasks" / "part-00000.jsonl").read_text().splitlines()
        return [json.loads(line)["id"] for line in lines]

    def receipt(self, run: str) -> dict[str, object]:
        """The newest receipt."""
        path = max((self.runs / run / "receipts").glob("*.json"), key=lambda item: item.stat().st_mtime)
        return dict(json.loads(path.read_text()))


FORGET = ("--person", NAME, "--person", TCKN, "--yes")


def places(bench: Bench, run: str) -> list[Path]:
    """The run folder, and what all runs share."""
    shared = [path for path in bench.runs.iterdir() if path.is_file()]
    return [
        bench.runs / run,
        *shared,
        *([bench.runs / "calibrations"] if (bench.runs / "calibrations").exists() else []),
    ]


def excepted(bench: Bench, receipt: Mapping[str, object]) -> set[Path]:
    """Tokenizers that the receipt names as still holding a piece of the name."""
    remains = receipt["remains"]
    assert isinstance(remains, list)
    return {bench.runs / item["path"] for item in remains if item["path"].endswith("tokenizer.json")}


def killed(bench: Bench, run: str, kills: int, rng: random.Random) -> int:
    """Type the command and SIGKILL it at random moments until it ends by itself; returns how often it was killed."""
    command = [sys.executable, "-m", "imbik", "privacy", "forget", run, *FORGET, "--runs", str(bench.runs)]
    done = 0
    for _ in range(kills):
        process = subprocess.Popen(command, env=bench.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        journal, waited = bench.runs / run / ".forgetting.json", time.monotonic()
        while process.poll() is None and not journal.exists() and time.monotonic() - waited < 60:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.4)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            done += 1
        process.wait()
    bench.imbik("privacy", "forget", run, *FORGET)
    return done


def check(what: str, holds: bool, failures: list[str]) -> None:
    """Print one line of the result."""
    print(f"  {'ok' if holds else 'NOT'}  {what}")
    if not holds:
        failures.append(what)


def main() -> None:
    """Make, scan, forget, scan."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        bench, scanner = Bench(Path(name) / "a"), Scanner()
        bench.folder.mkdir()
        bench.make()
        copy = Path(name) / "b"
        shutil.copytree(bench.folder, copy)
        _whole(bench, scanner, failures)
        _killed(Bench(copy), scanner, given.kills, random.Random(given.seed), failures)
    if failures:
        raise SystemExit(f"{len(failures)} of the claims do not hold: {'; '.join(failures)}")


def _whole(bench: Bench, scanner: Scanner, failures: list[str]) -> None:
    before, files = scanner.scan(places(bench, "destek"), set())
    print(f"before: {before.total():,} hits in {len(files)} files ({_told(before)})")
    for path, count in files.items():
        print(f"       {count} in {path.relative_to(bench.folder)}")
    check("the scanner finds the person before", before.total() > 0 and len(files) >= 11, failures)
    kept, stored = set(bench.rows("destek")), bench.stored()
    started = time.monotonic()
    bench.imbik("privacy", "forget", "destek", *FORGET)
    seconds = time.monotonic() - started
    receipt = bench.receipt("destek")
    left_out = excepted(bench, receipt)
    after, where = scanner.scan(places(bench, "destek"), left_out)
    named = ", ".join(sorted(str(path.relative_to(bench.runs)) for path in left_out)) or "no tokenizer"
    print(f"after: {after.total():,} hits ({seconds:.1f} s; excepted: tensors, and of tokenizers: {named})")
    for path, count in where.items():
        print(f"       {count} in {path.relative_to(bench.folder)}")
    check("0 hits after", not after.total(), failures)
    planted = plant(bench.runs / "destek")
    seen = {kind for kind, path in planted.items() if scanner.scan([path], set())[0].total()}
    check(
        f"planted again, the scanner sees {len(seen)} of {len(planted)} kinds of files", seen == set(planted), failures
    )
    for path in planted.values():
        path.unlink()
    _nothing_else(bench, receipt, kept, stored, failures)
    _goes_on(bench, scanner, left_out, failures)


def _nothing_else(
    bench: Bench, receipt: Mapping[str, object], kept: set[str], stored: int, failures: list[str]
) -> None:
    left = set(bench.rows("destek"))
    check(
        f"{len(kept) - len(left)} of {len(kept)} rows went, her {len(WRITTEN)}",
        len(kept - left) == len(WRITTEN),
        failures,
    )
    gone = stored - bench.stored()
    check(f"{gone} of {stored} stored answers went", 0 < gone <= 2 * len(WRITTEN) + 2, failures)
    lineage = receipt["lineage"]
    assert isinstance(lineage, dict)
    check(f"all {len(lineage)} roots verify with their tombstones", bool(lineage) and all(lineage.values()), failures)
    told = {kind: json.dumps(receipt[kind]) for kind in ("remains", "others", "students")}
    check("weights and exports are named as needing training", "6_student" in told["remains"], failures)
    check("the runs that share her rows are named", all(n in told["others"] for n in ("ikinci", "logits")), failures)
    check("the run that learned from this one is named", "cirak" in told["students"], failures)
    check("`prove` finds the audit chain whole", "unbroken" in bench.imbik("privacy", "prove", "destek"), failures)


def _goes_on(bench: Bench, scanner: Scanner, left_out: set[Path], failures: list[str]) -> None:
    told = bench.imbik("run", "destek.yaml")
    check("the same recipe on the same seed file trains nothing", "is current" in told, failures)
    bench.imbik("run", "destek.yaml", "-q", "--from", "tasks", "--until", "tasks")
    back, _ = scanner.scan(places(bench, "destek"), left_out)
    check("read again from the same seed file, she does not come back", not back.total(), failures)
    for run in ("ikinci", "logits", "cirak"):
        bench.imbik("privacy", "forget", run, *FORGET)
    every = {path for run in ("destek", "ikinci", "logits") for path in excepted(bench, bench.receipt(run))}
    all_of_it, where = scanner.scan([bench.runs], every)
    check(f"forgotten in all runs: {all_of_it.total()} hits in the whole folder of runs", not where, failures)


def _killed(bench: Bench, scanner: Scanner, kills: int, rng: random.Random, failures: list[str]) -> None:
    kept = set(bench.rows("destek"))
    done = killed(bench, "destek", kills, rng)
    receipt = bench.receipt("destek")
    after, _ = scanner.scan(places(bench, "destek"), excepted(bench, receipt))
    lineage = receipt["lineage"]
    assert isinstance(lineage, dict)
    whole = not after.total() and all(lineage.values()) and len(kept - set(bench.rows("destek"))) == len(WRITTEN)
    check(f"the same after {done} kills: {after.total()} hits, only her rows gone, roots verify", whole, failures)


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{way} {count:,}" for way, count in counts.most_common())


if __name__ == "__main__":
    main()
