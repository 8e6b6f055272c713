"""What wire formats share: settings of a served teacher, and reading replies that anybody may have written.

Enters: settings, a reply as data. Leaves: small parts of a request, or a Completion for what is no answer. Nothing
here raises over what a server sends, and no error text repeats a key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec
from pydantic import BeforeValidator, Field, field_validator

from imbik.core.errors import PluginError, UsageError
from imbik.core.plugins import KeyName, PluginSettings
from imbik.core.questions import Question
from imbik.core.secrets import masked
from imbik.core.types import Completion, Message, Outcome
from imbik.privacy.addresses import Endpoint, endpoint
from imbik.recipe.asking import Generate
from imbik.teachers import WireResponse
from imbik.teachers.catalogue.prices import FREE, Price, price_of

JSON_HEADERS = {"Content-Type": "application/json"}
_KEY_LIKE = re.compile(r"(sk-|Bearer\s+)\S+")
_REQUEST = re.compile(r"/(chat/completions|completions|messages|responses|embeddings)/*$")
_MOST_TOKENS = 1 << 40
OF_ANSWERS = {field.alias or name: f"generate.{field.alias or name}" for name, field in Generate.model_fields.items()}
_GENERATE = {"temperature", "top_p", "max_tokens", "seed"}
_TELLING = (b'"choices"', b'"message"', b'"content"', b'"text"', b'"finish_reason"', b'"stop_reason"', b'"refusal"')
_SCHEMA_FIRST = {
    "tr": "Yalnızca şu JSON şemasına (JSON Schema) uyan JSON ile yanıt ver, başka hiçbir şey yazma:",
    "en": "Answer with JSON that fits this JSON Schema, and with nothing else:",
}


Version = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, date) else value)]
"""A version that is written like a date, which YAML reads as one: 2024-10-21."""


class WireSettings(PluginSettings):
    """What the recipe may say of any teacher behind HTTP."""

    elsewhere: ClassVar[Mapping[str, str]] = OF_ANSWERS

    model: str = Field(min_length=1, description="the model's name at the endpoint")
    key: KeyName = Field("", description="name of the key in the environment or keyring (default: the provider's own)")
    served_as: str = Field("", description="what is really served there, when the address may change")
    concurrency: int = Field(64, ge=1, le=4096, description="requests at a time at most; fewer when it refuses")
    timeout: float = Field(300.0, gt=0, le=86_400, description="seconds for one request")
    deadline: float = Field(
        1800.0, gt=0, le=604_800, description="seconds for one row in all, from its first sending on"
    )
    reply_bytes: int = Field(16 << 20, ge=1024, le=64 << 20, description="longest reply that is read, in bytes")
    extra: dict[str, Any] = Field({}, description="further fields of the request's body")
    price: Price | None = Field(
        None, description="price of a million tokens in USD (default: the list price where it is known)"
    )
    own: bool = Field(False, description="a server of one's own: nobody is paid per token, the price is 0")
    batch: bool = Field(
        False, description="ask for generation and evaluation in batches: a lower price, answers within a day"
    )
    batch_requests: int = Field(100_000, ge=1, description="questions in one batch at most (never over the provider's)")
    batch_bytes: int = Field(256 << 20, ge=1024, description="bytes of one batch at most (never over the provider's)")
    batch_keep: bool = Field(False, description="leave a batch's files at the provider after they were collected")
    batch_poll: float = Field(60.0, gt=0, description="longest seconds between looks at a batch under way")
    sampling: bool | None = Field(
        None, description="send temperature, top_p and seed (default: unless the model is known to refuse them)"
    )

    @field_validator("base_url", check_fields=False)
    @classmethod
    def _is_a_base(cls, value: str) -> str:
        """Documentation and portals show the address of one request; what is asked there would be asked elsewhere."""
        base, mark, _ = value.partition("?")
        found = _REQUEST.search(base)
        if found or mark:
            what = f"{found[0].rstrip('/')}" if found else "what follows the '?'"
            base = base[: found.start()] if found else base
            version = ", and its api-version as `api_version`" if "api-version=" in value else ""
            raise ValueError(f"leave {what} out: imbik adds what each request needs; write base_url: {base}{version}")
        return value


def checked_endpoint(base_url: str, name: str) -> Endpoint:
    """The endpoint of a `base_url`.

    Raises: PluginError naming the recipe's teacher.
    """
    try:
        return endpoint(base_url)
    except UsageError as error:
        raise PluginError(f"base_url: {error.what}", where=f"teachers.{name}", next=error.next) from None


def refuse_taken(extra: Mapping[str, Any], taken: Collection[str], name: str) -> None:
    """`extra` may not set what a question sets.

    Raises: PluginError naming the field.
    """
    if clash := sorted(set(taken) & set(extra)):
        here = clash[0]
        key = f"teachers.{name}.model" if here == "model" else f"generate.{here}" if here in _GENERATE else ""
        raise PluginError(
            f"extra: '{here}' is set by imbik itself",
            where=f"teachers.{name}",
            next=f"take it out of `extra`{f' and write {key}' if key else ''}",
        )


def price_for(settings: WireSettings, where: Endpoint) -> Price | None:
    """The recipe's price; else the list price; else nothing for a server of one's own; else None: not known.

    A preset takes its server for one's own; at an https address, which may be rented, only the recipe's word does.
    """
    own = settings.own and ("own" in settings.model_fields_set or where.scheme == "http")
    return settings.price or price_of(where.host, settings.model) or (FREE if own else None)


def served_name(settings: WireSettings, where: Endpoint, base_url: str) -> str:
    """Who answers, for the teacher's identity: endpoint, path and model, or what the operator says is served."""
    path = base_url.rstrip("/").partition("://")[2].partition("/")[2]
    return settings.served_as or f"{where}/{path} {settings.model}"


def with_schema_told(question: Question) -> tuple[Message, ...]:
    """The messages with the schema below the last turn, for an endpoint that takes no schema as a field.

    It is told in the task's language, as the rest of the question is; in English where there are no words in it.
    """
    *before, last = question.messages
    told = f"{last.content}\n\n{worded(_SCHEMA_FIRST, question)}\n{question.schema}"
    return (*before, msgspec.structs.replace(last, content=told))


def worded(wordings: Mapping[str, str], question: Question) -> str:
    """The wording in the language of the question's task; English where there is none."""
    language = question.task.language.partition("-")[0] if question.task else "en"
    return wordings.get(language, wordings["en"])


def schema_of(question: Question) -> object:
    """The question's schema as data; {}, which any JSON fits, for text that is no JSON."""
    try:
        return msgspec.json.decode(question.schema)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}


def decoded(response: WireResponse) -> object:
    """The body as data; None for what is no JSON, or holds a key that tells the answer twice.

    Readers differ in which of the two counts; looking for it where no such key repeats would double the reading time.
    """
    try:
        data: object = msgspec.json.decode(response.body)
        if any(response.body.count(name) > 1 for name in _TELLING):
            json.loads(response.body, object_pairs_hook=_once)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return data


def _once(pairs: list[tuple[str, object]]) -> None:
    """Refuse an object with a key twice; keeps nothing."""
    if len(pairs) > 1 and len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key twice")


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen: spaces, line ends, zero-width characters."""
    return not any(sign.isprintable() and not sign.isspace() for sign in text)


def malformed(reason: str) -> Completion:
    """What cannot be an answer, and why."""
    return Completion(outcome=Outcome.MALFORMED, reason=reason)


def refused(status: int, body: object, filter_codes: Collection[str]) -> Completion:
    """An error status: the provider's content filter is an outcome of its own."""
    error = body.get("error") if isinstance(body, dict) else None
    details = error if isinstance(error, dict) else {}
    inner = details.get("innererror")
    codes = {str(details.get("code")).lower(), str(details.get("type")).lower()}
    codes |= {str(inner.get("code")).lower()} if isinstance(inner, dict) else set()
    text = f"HTTP {status}" + (f": {message}" if (message := error_text(body)) else "")
    return Completion(outcome=Outcome.FILTERED if codes & set(filter_codes) else Outcome.FAILED, reason=text)


def error_text(body: object) -> str:
    """The error message in a body, in whichever of the usual places, without anything that looks like a key."""
    if isinstance(body, list):  # Google answers an error as a list of one
        body = body[0] if body else None
    if not isinstance(body, dict):
        return ""
    error = body.get("error") or body.get("detail") or body.get("message")
    if isinstance(error, dict):
        error = error.get("message") or error.get("code") or error.get("type")
    return masked(_KEY_LIKE.sub(r"\1…", str(error)))[:300] if error else ""


def text_of(value: object) -> str:
    """Content as text: a string, or a list of parts that hold text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(str(part.get("text") or "") for part in value if isinstance(part, dict))
    return ""


def count(value: object) -> int:
    """A number of tokens; 0 for what is none, or more than any model reads or writes."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MOST_TOKENS else 0


def at_most(settings: WireSettings, price: Price | None, question: Question, *, beside: int = 0) -> Decimal | None:
    """The most that a request can cost, in USD, with `beside` tokens of reasoning beyond the answer's limit.

    What `extra` adds to the body (tools, a prediction) may be read and paid for too.
    """
    if price is None:
        return None
    sampling = msgspec.structs.replace(question.sampling, max_tokens=question.sampling.max_tokens + beside)
    told = question.schema + (msgspec.json.encode(settings.extra).decode() if settings.extra else "")
    return price.at_most(msgspec.structs.replace(question, sampling=sampling, schema=told))
