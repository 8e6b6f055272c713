"""Reading a chat completion: OpenAI's reply format, with what other servers put into it.

Enters: a reply as data. Leaves: a Completion without its cost. Wire format: OpenAI API reference, "The chat completion
object". Reasoning is looked for where providers put it: `reasoning_content` (DeepSeek, vLLM, xAI), `reasoning`
(OpenRouter, Groq, newer vLLM), `reasoning_details` (OpenRouter), parts of type `thinking` (Mistral), tags in the text.
"""

from __future__ import annotations

from typing import Any

from imbik.core.types import Completion, Outcome, TokenLogprob, Usage
from imbik.teachers import WireResponse
from imbik.teachers._thinking import split_thinking
from imbik.teachers._wire import count, decoded, error_text, is_blank, malformed, refused, text_of

FILTER_CODES = {"content_filter", "content_policy_violation", "responsibleaipolicyviolation", "data_inspection_failed"}


def read_chat(response: WireResponse) -> Completion:
    """The completion in a reply; whatever is not a good answer becomes a typed outcome."""
    body = decoded(response)
    if response.status != 200:
        return refused(response.status, body, FILTER_CODES)
    if not isinstance(body, dict):
        return malformed("the reply is not JSON" if body is None else "the reply is no JSON object")
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return malformed(error_text(body) or "the reply holds no choices")
    if len(choices) > 1:
        return malformed(f"the reply holds {len(choices)} choices, and one was asked for")
    message = choices[0].get("message")
    if not isinstance(message, dict):
        return malformed("the reply holds no message")
    return _completion(choices[0], message, usage_in(body))


def _completion(choice: dict[str, Any], message: dict[str, Any], usage: Usage) -> Completion:
    thought = split_thinking(text_of(message.get("content")))
    outcome, reason = _outcome(choice, message, thought.answer, closed=thought.closed)
    declined = text_of(message.get("refusal")) if outcome is Outcome.REFUSED else ""
    return Completion(
        answer=thought.answer or declined,
        reasoning="\n".join(part for part in (_reasoning(message).strip(), thought.reasoning) if part),
        outcome=outcome,
        reason=reason,
        usage=usage,
        logprobs=_logprobs(choice.get("logprobs")),
    )


def _reasoning(message: dict[str, Any]) -> str:
    """Reasoning outside the text: the first place that holds any (some servers fill two with the same)."""
    content = message.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    details = message.get("reasoning_details")
    steps = [step for step in details if isinstance(step, dict)] if isinstance(details, list) else []
    places = (
        text_of(message.get("reasoning_content")),
        text_of(message.get("reasoning")),
        "\n".join(told for step in steps if (told := text_of(step.get("text")) or text_of(step.get("summary")))),
        "\n".join(told for part in parts if (told := text_of(part.get("thinking")))),
    )
    return next((place for place in places if place), "")


def _outcome(choice: dict[str, Any], message: dict[str, Any], answer: str, *, closed: bool) -> tuple[Outcome, str]:
    """How asking ended, and why when not well."""
    finish, refusal = choice.get("finish_reason"), text_of(message.get("refusal"))
    if finish == "content_filter":
        return Outcome.FILTERED, "the provider's filter ended the answer"
    if refusal:
        return Outcome.REFUSED, "the model declined to answer"
    if finish == "length":
        return Outcome.TRUNCATED, "the length limit ended the answer"
    if finish == "error" or choice.get("error"):
        return Outcome.MALFORMED, error_text(choice) or "the provider reports an error inside the answer"
    if not closed:
        return Outcome.MALFORMED, "the reasoning never ended"
    if is_blank(answer):
        called = bool(message.get("tool_calls") or message.get("function_call"))
        return Outcome.MALFORMED, "a tool was called instead of answering" if called else "the answer is empty"
    return Outcome.ANSWERED, ""


def usage_in(body: dict[str, Any]) -> Usage:
    """Tokens as counted there. Some count reasoning in the total alone (xAI, Gemini): it was written, and is paid."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    read, details = count(usage.get("prompt_tokens")), usage.get("prompt_tokens_details")
    kept = count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    put = count(details.get("cache_write_tokens")) if isinstance(details, dict) else 0
    kept = min(kept or count(usage.get("prompt_cache_hit_tokens")), read)
    written = max(count(usage.get("completion_tokens")), count(usage.get("total_tokens")) - read)
    return Usage(input_tokens=read, output_tokens=written, cached_tokens=kept, written_tokens=min(put, read - kept))


def _logprobs(value: object) -> tuple[TokenLogprob, ...]:
    """Tokens with their log-probabilities (nats) and alternatives; entries without a number are left out."""
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list):
        content = _older(value)
    found = []
    for item in content:
        pair = _pair(item)
        if pair is not None:
            others = item.get("top_logprobs")
            top = [_pair(other) for other in others] if isinstance(others, list) else []
            found.append(TokenLogprob(token=pair[0], logprob=pair[1], top=tuple(other for other in top if other)))
    return tuple(found)


def _older(value: object) -> list[Any]:
    """The form of text completions, which some servers keep for chats: lists side by side, alternatives as objects."""
    if not isinstance(value, dict):
        return []
    tokens, logprobs, tops = value.get("tokens"), value.get("token_logprobs"), value.get("top_logprobs")
    if not isinstance(tokens, list) or not isinstance(logprobs, list):
        return []
    beside = tops if isinstance(tops, list) and len(tops) == len(tokens) else [None] * len(tokens)
    return [
        {
            "token": token,
            "logprob": logprob,
            "top_logprobs": [{"token": name, "logprob": other} for name, other in top.items()]
            if isinstance(top, dict)
            else [],
        }
        for token, logprob, top in zip(tokens, logprobs, beside, strict=False)
    ]


def _pair(item: object) -> tuple[str, float] | None:
    if not isinstance(item, dict) or not isinstance(item.get("token"), str):
        return None
    value = item.get("logprob")
    return (item["token"], float(value)) if isinstance(value, int | float) else None
