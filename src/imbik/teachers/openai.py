"""Any endpoint that speaks OpenAI's chat completions: OpenAI itself, vLLM, llama.cpp, Ollama, gateways.

Enters: a Question. Leaves: a request as data, and from the reply a Completion with reasoning and answer apart, a
typed outcome, tokens, cost and log-probabilities. Does no I/O and holds no key. Wire format: OpenAI API reference,
"Create chat completion". `presets.toml` names endpoints that differ in a few fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import msgspec
from pydantic import Field

from imbik.core.errors import PluginError
from imbik.core.files import digest_value
from imbik.core.questions import Question
from imbik.core.types import Completion
from imbik.privacy.addresses import Endpoint, endpoint
from imbik.teachers import TeacherContext, WireRequest, WireResponse
from imbik.teachers._batch import BatchWire, refuse_batches
from imbik.teachers._batch_openai import OpenAIBatch
from imbik.teachers._chat import read_chat
from imbik.teachers._scores import PromptScores
from imbik.teachers._wire import (
    JSON_HEADERS,
    WireSettings,
    at_most,
    checked_endpoint,
    price_for,
    refuse_taken,
    schema_of,
    served_name,
    with_schema_told,
)
from imbik.teachers.catalogue.quirks import refuses_sampling

_HOME = "https://api.openai.com/v1"
_OWN_FIELDS = (
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "seed",
    "stream",
    "n",
)
Structured = Literal["", "response_format", "guided_json", "json_schema", "json_object", "none"]


@dataclass(frozen=True)
class Place:
    """Where requests go, and with which key under which header."""

    endpoint: Endpoint
    base_url: str
    url: str
    key_name: str
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "


class OpenAITeacher:
    """A served teacher behind a chat-completions endpoint; see the module's docstring."""

    class Settings(WireSettings):
        """What the recipe may say."""

        base_url: str = Field(_HOME, description="address of the API, usually ending in /v1")
        top_logprobs: int = Field(0, ge=0, le=20, description="alternatives to ask for at each token (0: none)")
        logprobs: int = Field(20, ge=0, le=20, description="the most alternatives that the endpoint gives (0: none)")
        prompt_logprobs: int = Field(
            0,
            ge=0,
            le=1000,
            description="the most alternatives at each given token, as vLLM has them (0: none)",
        )
        seed: str = Field("seed", description="the field for a seed ('': the endpoint takes none)")
        limit: Literal["", "max_tokens", "max_completion_tokens"] = Field(
            "", description="the field for the length limit (default: what the endpoint takes)"
        )
        structured: Structured = Field(
            "",
            description="how a JSON schema is sent: response_format, guided_json (vLLM before 0.12), json_schema "
            "(llama.cpp), json_object and none (told in words) (default: response_format at OpenAI, elsewhere none)",
        )

    def __init__(self, settings: Settings, context: TeacherContext) -> None:
        refuse_taken(settings.extra, (*_OWN_FIELDS, settings.seed), context.name)
        if settings.top_logprobs > settings.logprobs:
            gives = f"at most {settings.logprobs} alternatives" if settings.logprobs else "no log-probabilities"
            raise PluginError(
                f"top_logprobs: this endpoint gives {gives}",
                where=f"teachers.{context.name}",
                next=f"--set teachers.{context.name}.top_logprobs={settings.logprobs}",
            )
        self.settings, self._place = settings, self.place(settings, context.name)
        here = self._place.endpoint
        self.url, self.concurrency, self.timeout = self._place.url, settings.concurrency, settings.timeout
        self.deadline, self.reply_bytes = settings.deadline, settings.reply_bytes
        home = here == endpoint(_HOME)
        self._limit = settings.limit or ("max_completion_tokens" if home else "max_tokens")
        self._structured = settings.structured or ("response_format" if home else "none")
        known = refuses_sampling(here.host, settings.served_as or settings.model)
        self._sampling = not known if settings.sampling is None else settings.sampling
        self.price = price_for(settings, here)
        self.identity = self._identity()
        refuse_batches(settings, here, home, context.name)
        self.batch = self._batch() if settings.batch else None

    @staticmethod
    def place(settings: Any, name: str) -> Place:
        """Where a teacher of these settings is asked.

        Raises: PluginError for an address that is none.
        """
        where = checked_endpoint(settings.base_url, name)
        base_url = settings.base_url.rstrip("/")
        key = settings.key or ("OPENAI_API_KEY" if where == endpoint(_HOME) else "")
        return Place(where, base_url, base_url + "/chat/completions", key)

    def request(self, question: Question) -> WireRequest:
        """The question in the wire format."""
        settings, sampling, place = self.settings, question.sampling, self._place
        told = question.schema and self._structured in {"json_object", "none"}
        messages = with_schema_told(question) if told else question.messages
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": [{"role": item.role, "content": item.content} for item in messages],
            self._limit: sampling.max_tokens,
            **settings.extra,
        }
        if self._sampling:
            body["temperature"] = sampling.temperature
            if sampling.top_p < 1:
                body["top_p"] = sampling.top_p
            if sampling.seed is not None and settings.seed:
                body[settings.seed] = sampling.seed
        if settings.top_logprobs:
            body |= {"logprobs": True, "top_logprobs": settings.top_logprobs}
        if question.schema:
            body |= _shaped(self._structured, schema_of(question))
        data = msgspec.json.encode(body)
        return WireRequest(place.url, data, JSON_HEADERS, place.key_name, place.key_header, place.key_prefix)

    def read(self, response: WireResponse) -> Completion:
        """The completion in a reply; whatever is not a good answer becomes a typed outcome."""
        found = read_chat(response)
        return msgspec.structs.replace(found, cost=self.price.cost(found.usage)) if self.price else found

    def cost_at_most(self, question: Question) -> Decimal | None:
        """The most that one request can cost, in USD."""
        return at_most(self.settings, self.price, question)

    def scores(self) -> PromptScores | None:
        """Its side that says how likely given tokens are; None where the endpoint has none."""
        if not self.settings.prompt_logprobs:
            return None
        return PromptScores(self.settings, self._place, self.identity, self.price)

    def _batch(self) -> BatchWire:
        place = self._place
        like = WireRequest(place.url, b"", JSON_HEADERS, place.key_name, place.key_header, place.key_prefix)
        return OpenAIBatch(place.base_url, like, self.settings)

    def _identity(self) -> str:
        """Who answers, and how: provider and model (or what the operator says is served), and the extra fields."""
        settings = self.settings
        served = served_name(settings, self._place.endpoint, self._place.base_url)
        shaping = {"extra": settings.extra, "sampling": self._sampling, "top_logprobs": settings.top_logprobs}
        usual = shaping == {"extra": {}, "sampling": True, "top_logprobs": 0}
        return f"openai {served}" + ("" if usual else f" {digest_value(shaping)[:16]}")


def _shaped(how: str, wanted: object) -> dict[str, Any]:
    """The fields by which an endpoint is held to a schema."""
    if how == "response_format":
        form = {"name": "answer", "schema": wanted, "strict": _is_strict(wanted)}
        return {"response_format": {"type": "json_schema", "json_schema": form}}
    if how == "json_object":
        return {"response_format": {"type": "json_object"}}
    return {} if how == "none" else {how: wanted}


def _is_strict(schema: object) -> bool:
    """Whether OpenAI's strict mode takes a schema: every object closed, and every property of it required."""
    if isinstance(schema, list):
        return all(_is_strict(item) for item in schema)
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        closed = schema.get("additionalProperties") is False
        if not closed or set(schema.get("required", ())) != set(schema.get("properties", ())):
            return False
    return all(_is_strict(item) for item in schema.values())
